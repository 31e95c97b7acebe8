//! Asking built images, on the real engine: services of a few lines of shell in a busybox image.

use std::time::Duration;

use bollard::query_parameters::ListContainersOptionsBuilder;
use harness::engine::LABEL;
use harness::engine::buildkit::Export;
use harness::engine::containers::Mounts;
use harness::measure::answer::{AnswerError, Asker};
use harness::scenario::{Answer, Pair, ServiceAnswer};

use crate::rig::{BUSYBOX, Rig};

const RUN: &str = "test-answer";

struct Services {
    rig: Rig,
    answer: Answer,
    mounts: Pair<Mounts>,
}

fn question() -> ServiceAnswer {
    ServiceAnswer {
        port_env: "PORT".to_owned(),
        ready_path: "/healthz".to_owned(),
        path: "/cgi-bin/predict".to_owned(),
        body: r#"{"x": 7}"#.to_owned(),
    }
}

impl Services {
    async fn up() -> Self {
        Self {
            rig: Rig::up(&[]).await,
            answer: Answer::Service(question()),
            mounts: Pair::from_fn(|_| Mounts::new()),
        }
    }

    /// Builds an image whose command is the shell line `start`, and whose answer to a POST is what the
    /// shell line `predict` prints.
    async fn build(&self, name: &str, predict: &str, start: &str) -> String {
        let head = "#!/bin/sh\nprintf 'Content-Type: application/json\\r\\n\\r\\n'\n";
        self.rig.context_file(&format!("{name}.cgi"), &format!("{head}{predict}\n"));
        let dockerfile = format!(
            "{BUSYBOX}COPY --chmod=755 {name}.cgi /www/cgi-bin/predict\nRUN echo ok > /www/healthz\nCMD {start}\n"
        );
        let image = format!("tare.local/{RUN}/{name}:latest");
        let request = self.rig.request(&dockerfile, Export::Store { name: image.clone() });
        self.rig.engine.build(request).await.unwrap();
        image
    }

    fn asker(&self, ready_limit: Duration) -> Asker<'_> {
        Asker {
            docker: self.rig.engine.docker(),
            run: RUN,
            answer: &self.answer,
            ready_limit,
            mounts: &self.mounts,
        }
    }

    async fn containers_left(&self) -> usize {
        let filters = [("label".to_owned(), vec![format!("{LABEL}={RUN}")])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        self.rig.engine.docker().list_containers(Some(options)).await.unwrap().len()
    }
}

const SERVE: &str = "exec httpd -f -p 127.0.0.1:$PORT -h /www";
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn asks_both_images_and_leaves_nothing_behind() {
    let services = Services::up().await;
    // One echoes the request, the other knows what is in it: both the method and the body must arrive.
    let echo = services.build("echo", "[ $REQUEST_METHOD = POST ] && head -c $CONTENT_LENGTH", SERVE).await;
    let slow = services.build("slow", "echo '{ \"x\" : 7 }'", &format!("sleep 1; {SERVE}")).await;
    let other = services.build("other", "echo '{\"x\": 8}'", SERVE).await;
    let dying = services.build("dying", "", "echo no model here >&2; exit 3").await;
    let mute = services.build("mute", "", "exec sleep 1000").await;
    let pair =
        |naive: &String, optimized: &String| Pair { naive: naive.clone(), optimized: optimized.clone() };
    let asker = services.asker(PATIENCE);

    assert_eq!(asker.both(&pair(&echo, &slow)).await.unwrap(), question().body.as_bytes());
    assert_eq!(services.containers_left().await, 0);

    let e = asker.both(&pair(&echo, &other)).await.unwrap_err();
    assert!(matches!(&e, AnswerError::Unequal { .. }) && e.to_string().contains(r#"{\"x\": 8}"#), "{e}");

    let e = asker.both(&pair(&echo, &dying)).await.unwrap_err().to_string();
    for part in ["optimized image", "exit code 3", "no model here"] {
        assert!(e.contains(part), "{part}: {e}");
    }

    let impatient = services.asker(Duration::from_millis(1500));
    let e = impatient.both(&pair(&mute, &echo)).await.unwrap_err().to_string();
    for part in ["naive image", "not ready after 1.5 s", "does not listen"] {
        assert!(e.contains(part), "{part}: {e}");
    }
    let lost = Answer::Service(ServiceAnswer { path: "/nowhere".to_owned(), ..question() });
    let e = Asker { answer: &lost, ..asker }.ask(&echo, &Mounts::new()).await.unwrap_err().to_string();
    assert!(e.starts_with("/nowhere answers 50"), "{e}");

    // A program is no service: what it prints is its answer.
    let program = Answer::Command(vec!["echo".to_owned(), "42".to_owned()]);
    assert_eq!(Asker { answer: &program, ..asker }.both(&pair(&echo, &slow)).await.unwrap(), "42\n");
    let failing = Answer::Command(["sh", "-c", "echo no weights >&2; exit 4"].map(str::to_owned).to_vec());
    let e = Asker { answer: &failing, ..asker }.ask(&echo, &Mounts::new()).await.unwrap_err().to_string();
    assert!(e.contains("exit code 4") && e.contains("no weights"), "{e}");
    assert!(asker.ask("tare.local/test-answer/none:latest", &Mounts::new()).await.is_err());
    assert_eq!(services.containers_left().await, 0);

    services.rig.down().await;
}
