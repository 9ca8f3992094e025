//! A history that somebody changed in the database, under a daemon that goes on: `history verify` finds it.

use crossfade_ports::{
    Store,
    conformance::store::{
        sample::shift,
        tampering::{ATTACKS, Attack, Shell, forge, histories, keep, put_back},
    },
};
use crossfade_store_postgres::{PostgresStore, testing::Shell as PostgresShell};
use crossfade_store_sqlite::{SqliteStore, testing::Shell as SqliteShell};
use serde_json::Value;

use crate::harness::{Backend, Process, Said, World, on_each_store};

const VERIFY_ALL: [&str; 3] = ["history", "verify", "--all"];

/// Two shifts that nobody works on, so that nothing happens to them but what is done here; a daemon; and the database,
/// once as the store sees it and once as its owner does.
struct Scene {
    daemon: Process,
    store: Box<dyn Store>,
    shell: Box<dyn Shell>,
    _world: World,
}

impl Scene {
    async fn set(backend: Backend) -> Scene {
        let world = World::quiet(backend).await;
        let (store, mut shell): (Box<dyn Store>, Box<dyn Shell>) = match &world.store {
            Some(url) => {
                let store = PostgresStore::connect(url).await.unwrap();
                (Box::new(store), Box::new(PostgresShell::open(url).await))
            }
            None => {
                let url = format!("sqlite://{}", world.folder.path().join("crossfade.db").display());
                let store = SqliteStore::open(&url).await.unwrap();
                store.migrate().await.unwrap();
                (Box::new(store), Box::new(SqliteShell::open(&url).await))
            }
        };
        histories(&*store).await;
        shell.run("UPDATE shifts SET active = false").await;
        let daemon = Process::start(&world).await;
        Scene { daemon, store, shell, _world: world }
    }

    /// The head of `www` in the words of the command, for programs.
    async fn head(&self) -> String {
        let said = self.daemon.done(&["history", "verify", "--all", "--output", "jsonl"]).await.stdout;
        let told: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&told[0]["name"], &told[1]["name"]), (&"api".into(), &"www".into()), "{said}");
        told[1]["head"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_history_is_found() {
    on_each_store(|backend| async move {
        let Scene { daemon, store, mut shell, _world } = Scene::set(backend).await;
        let intact = daemon.done(&VERIFY_ALL).await.stdout;
        assert!(intact.contains("www: 7 events, the chain is whole"), "{intact}");
        keep(&mut *shell).await;
        for attack in ATTACKS {
            let Attack { what, found_at, .. } = attack;
            attack.carry_out(&*store, &mut *shell).await;
            for verify in [&VERIFY_ALL[..], &["history", "verify", "www"]] {
                let said = daemon.run(verify).await;
                let found = said.stderr.contains(&format!("\n  www: event {found_at} "));
                assert!(said.code == 1 && found, "{backend:?}, {what}: {said:#?}\n{}", daemon.log());
            }
            put_back(&mut *shell).await;
            assert_eq!(daemon.done(&VERIFY_ALL).await.stdout, intact, "{backend:?}, {what}");
        }
    })
    .await;
}

/// SQLite takes what is no text for one. The daemon cannot show it, and the other histories are checked all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_passed_over() {
    let Scene { daemon, mut shell, store: _store, _world } = Scene::set(Backend::Sqlite).await;
    shell.disarm().await;
    shell.run("UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE shift = 'api' AND seq = 3").await;
    let Said { code, stdout, stderr } = daemon.run(&VERIFY_ALL).await;
    assert!(code == 1 && stderr.contains("\n  api: the history cannot be read: "), "{stderr}");
    assert!(stdout.starts_with("www: 7 events, the chain is whole"), "{stdout}");
    assert_eq!(daemon.run(&["history", "verify", "api"]).await.code, 1);
}

/// A row that contradicts its history. What there is else is listed, and the exit code says that it is not all.
#[tokio::test(flavor = "multi_thread")]
async fn a_shift_that_cannot_be_read_hides_no_other_from_the_list() {
    on_each_store(|backend| async move {
        let Scene { daemon, mut shell, store: _store, _world } = Scene::set(backend).await;
        shell.run("UPDATE shifts SET version = 9 WHERE name = 'api'").await;
        let Said { code, stdout, stderr } = daemon.run(&["list"]).await;
        assert!(stdout.contains("\nwww ") && !stdout.contains("api"), "{stdout}");
        assert_eq!(
            (code, stderr.as_str()),
            (
                1,
                "error: 1 of 2 shifts cannot be read\n  api: The shift cannot be read from the database.\n\n\
                 hint: `crossfade history verify api` checks the history; the daemon's log says what is wrong\n"
            )
        );
        assert!(daemon.log().contains("a shift cannot be read"), "{}", daemon.log());
        assert_eq!(daemon.run(&["history", "verify", "api"]).await.code, 1);
        for output in ["json", "jsonl"] {
            let said = daemon.run(&["list", "--output", output]).await;
            let told = said.stderr.starts_with("error: 1 of 2 shifts cannot be read\n");
            assert!(said.code == 1 && told && said.stdout.contains("\"www\""), "{said:#?}");
        }
        shell.run("UPDATE shifts SET version = 9").await;
        let Said { code, stdout, stderr } = daemon.run(&["list"]).await;
        assert!(code == 1 && stdout.is_empty(), "{stdout}");
        assert!(stderr.starts_with("error: 2 of 2 shifts cannot be read\n  api: "), "{stderr}");
    })
    .await;
}

/// More than one page, and one of each that cannot be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_names_all_that_cannot_be_read() {
    let world = World::quiet(Backend::Sqlite).await;
    let url = format!("sqlite://{}", world.folder.path().join("crossfade.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    for number in 0..250 {
        let (shift, events) = shift(&format!("s{number:03}"));
        store.create(&shift, &events, None).await.unwrap();
    }
    let mut shell = SqliteShell::open(&url).await;
    shell.run("UPDATE shifts SET active = false").await;
    shell.run("UPDATE shifts SET version = 9 WHERE name IN ('s003', 's199', 's249')").await;
    let daemon = Process::start(&world).await;
    let Said { code, stdout, stderr } = daemon.run(&["list", "--output", "jsonl"]).await;
    assert_eq!((code, stdout.lines().count()), (1, 247), "{stderr}");
    assert!(stderr.starts_with("error: 3 of 250 shifts cannot be read\n  s003: "), "{stderr}");
    assert!(stderr.contains("\n  s199: ") && stderr.contains("\n  s249: "), "{stderr}");
}

/// Everything computed anew is whole. A hash that is kept elsewhere tells, and so does an export. The forged rows lack
/// what a row of an older version may lack: that by itself is no change.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_was_replaced_is_found_by_a_hash_that_was_kept() {
    on_each_store(|backend| async move {
        let mut scene = Scene::set(backend).await;
        let (kept, export) = (scene.head().await, ["history", "export", "www"]);
        let verify = ["history", "verify", "www", "--head", &kept];
        let exported = scene.daemon.done(&export).await.stdout;
        assert!(exported.lines().last().unwrap().contains(&kept), "{exported}");
        scene.daemon.done(&verify).await;

        keep(&mut *scene.shell).await;
        let forged = forge(&*scene.store, &mut *scene.shell).await.hash.0;
        scene.daemon.done(&VERIFY_ALL).await;
        for verify in [&verify[..], &["history", "verify", "--all", "--head", &forged, "--head", &kept]] {
            let said = scene.daemon.run(verify).await;
            let told = said.stderr.contains(&format!("no event has the hash {kept}\n"));
            assert!(said.code == 1 && told && !said.stderr.contains(&forged), "{backend:?}: {said:#?}");
        }
        let forgery = scene.daemon.done(&export).await.stdout;
        let same = exported.lines().zip(forgery.lines()).take_while(|(one, other)| one == other).count();
        assert_eq!((same, exported.lines().count(), forgery.lines().count()), (3, 7, 7), "{forgery}");

        // The same where more has happened since, and where the shift is gone with all that it did.
        put_back(&mut *scene.shell).await;
        let earlier = scene.store.events("www", 2, 1).await.unwrap().remove(0).hash.0;
        let verify = ["history", "verify", "--all", "--head", &earlier];
        scene.daemon.done(&verify).await;
        scene
            .shell
            .run("DELETE FROM events WHERE shift = 'www'; DELETE FROM shifts WHERE name = 'www'")
            .await;
        scene.daemon.done(&VERIFY_ALL).await;
        assert_eq!(scene.daemon.run(&verify).await.code, 1);
    })
    .await;
}
