//! An engine that is not ours is used, and left as it was.

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder, TagImageOptionsBuilder,
};
use harness::engine::buildkit::{CacheRecord, Export};
use harness::engine::{Choice, Data, Engine, LABEL, image_name, remove_all};

use super::{Traces, build, home, managed};

async fn images(engine: &Engine) -> Vec<String> {
    let list = ListImagesOptionsBuilder::default().all(true).build();
    let images = engine.docker().list_images(Some(list)).await.unwrap();
    let mut names: Vec<String> = images.into_iter().flat_map(|image| image.repo_tags).collect();
    names.sort();
    names
}

async fn containers(engine: &Engine) -> usize {
    let list = ListContainersOptionsBuilder::default().all(true).build();
    engine.docker().list_containers(Some(list)).await.unwrap().len()
}

async fn cache(engine: &Engine) -> Vec<String> {
    let records: Vec<CacheRecord> = engine.buildkit().cache_records().await.unwrap();
    let mut ids: Vec<String> = records.into_iter().map(|record| record.id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_is_the_users_stays_and_what_is_ours_goes() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    // Somebody else's engine, with an image and build cache in it.
    let theirs = managed(&home, Data::Wipe).await;
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("file"), "theirs").unwrap();
    let store = |name: &str| Export::Store { name: name.to_owned() };
    let dockerfile = "FROM scratch\nCOPY file /file\nCMD [\"/file\"]\n";
    build(&theirs, dockerfile, files.path(), store("docker.io/library/theirs:1")).await;
    // A record that the user's next build would make anew must not look like ours.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let before = (images(&theirs).await, cache(&theirs).await);
    assert!(!before.1.is_empty(), "the user has build cache");

    let nowhere = super::home(&dir.path().join("nowhere"));
    let choice = Choice::At(theirs.address().clone());
    let ours = Engine::open(&nowhere, &choice, Data::Wipe, &|_| {}).await.unwrap();
    assert!(!ours.is_managed());
    let info = ours.info().await.unwrap();
    assert_eq!((info.kind.as_str(), info.packages.len()), ("own", 0));
    assert_eq!(ours.cpu_seconds().unwrap(), None, "others run there too");

    let name = format!("{}:latest", image_name("run-1", "layer-order"));
    std::fs::write(files.path().join("file"), "ours").unwrap();
    build(&ours, dockerfile, files.path(), store(&name)).await;
    let body = ContainerCreateBody {
        image: Some(name.clone()),
        labels: Some([(LABEL.to_owned(), "run-1".to_owned())].into()),
        ..ContainerCreateBody::default()
    };
    ours.docker().create_container(None::<CreateContainerOptions>, body).await.unwrap();
    assert!(images(&ours).await.contains(&name));
    assert_eq!(containers(&ours).await, 1);
    assert!(cache(&ours).await.len() > before.1.len());

    ours.remove_labelled("run-2").await.unwrap();
    assert!(images(&ours).await.contains(&name), "another run's image is not this run's to remove");
    ours.remove_labelled("run-1").await.unwrap();
    ours.forget_builds().await.unwrap();
    assert_eq!((images(&ours).await, cache(&ours).await), before);
    assert_eq!(containers(&ours).await, 0);

    // A killed run leaves names of base images, too.
    for repository in ["localhost:1/python", "localhost:1/updated/python"] {
        let options = TagImageOptionsBuilder::default().repo(repository).tag("3.11-slim").build();
        theirs.docker().tag_image("theirs:1", Some(options)).await.unwrap();
    }
    let removed = remove_all(theirs.address()).await.unwrap();
    assert_eq!((removed.containers, removed.images), (0, 2));
    assert_eq!(images(&theirs).await, before.0);

    ours.down(Data::Wipe).await.unwrap();
    assert!(Traces::of(&home).dockerd_is_alive(), "an engine of the user's stays up");
    theirs.down(Data::Wipe).await.unwrap();
}
