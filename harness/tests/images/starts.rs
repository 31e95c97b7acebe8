//! Timed starts, on the real engine.

use std::time::Duration;

use harness::engine::buildkit::Export;
use harness::measure::start::Starter;
use harness::scenario::TimedStart;

use crate::rig::{BUSYBOX, Rig};

const RUN: &str = "test-starts";

fn start(script: &str, read_only: bool) -> TimedStart {
    TimedStart { command: ["sh", "-c", script].map(str::to_owned).to_vec(), read_only }
}

/// A cache that the first start fills and the second finds is the whole point of starting twice, and a
/// read-only root takes it away again.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_start_finds_what_the_first_wrote_unless_the_root_is_read_only() {
    let rig = Rig::up(&[]).await;
    let image = format!("tare.local/{RUN}/program:latest");
    let request = rig.request(BUSYBOX, Export::Store { name: image.clone() });
    rig.engine.build(request).await.unwrap();
    let starter = Starter { docker: rig.engine.docker(), run: RUN, limit: Duration::from_secs(60) };
    let ask = async |start: TimedStart| starter.both(&image, &start).await.map(|(_, seconds)| seconds);

    let script = "test -e /cache || { sleep 2; touch /cache || true; }";
    let [first, again] = ask(start(script, false)).await.map(Result::unwrap);
    assert!(first >= 2.0 && again < first, "{first} s, then {again} s");
    let [first, again] = ask(start(script, true)).await.map(Result::unwrap);
    assert!(first >= 2.0 && again >= 2.0, "{first} s, then {again} s");

    let [first, again] = ask(start("echo no model >&2; exit 3", false)).await.map(Result::unwrap_err);
    assert!(first.to_string().contains("exit code 3") && first.to_string().contains("no model"), "{first}");
    assert!(again.to_string().contains("the first start failed"), "{again}");
    let [first, _] = Starter { limit: Duration::from_millis(500), ..starter }
        .both(&image, &start("sleep 1000", false))
        .await
        .map(|(_, seconds)| seconds);
    assert!(first.unwrap_err().to_string().contains("did not end within 0.5 s"));
    let [_, again] = ask(start("test ! -e /seen || exit 5; touch /seen", false)).await;
    assert!(again.unwrap_err().to_string().contains("exit code 5"));
    let left = rig.engine.docker().list_containers(Some(
        bollard::query_parameters::ListContainersOptionsBuilder::default().all(true).build(),
    ));
    assert_eq!(left.await.unwrap().len(), 0);
    rig.down().await;
}
