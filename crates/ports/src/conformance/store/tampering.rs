//! A history that was changed by somebody who first did away with its defences, and how that is found.
//!
//! Every event's hash covers the event's text and the hash before it, and the shift's own row has the newest one. So
//! nothing can be changed, added or removed without a hash that does not fit, unless all that follow are computed anew
//! and the shift's row with them. That is whole ([`forge`]), and takes an anchor to be found: a hash that was written
//! down where whoever owns the database does not reach.

use async_trait::async_trait;
use crossfade_core::{
    chain::{self, Broken, Head},
    event::Hash,
    shift::Command,
};

use super::{
    created,
    sample::{commanded, first_step, labelled, shift},
};
use crate::store::{Chain, Filter, Listed, Store, StoreError};

/// A connection of whoever owns the database.
#[async_trait]
pub trait Shell: Send {
    /// Does away with all that defends the history.
    async fn disarm(&mut self);

    /// Statements, one after the other.
    async fn run(&mut self, sql: &str);
}

pub struct Attack {
    pub what: &'static str,
    /// In the words that SQLite and PostgreSQL share.
    pub sql: &'static str,
    /// The first event of `www` that does not fit.
    pub found_at: u64,
    /// Whether all hashes of `www` are then computed anew.
    rechained: bool,
}

/// On a store with [`histories`], whose [`Shell`] is disarmed.
pub const ATTACKS: &[Attack] = &[
    attack("another text", "UPDATE events SET data = replace(data, '30m', '31m') WHERE seq = 1", 1),
    attack("a text that means the same", "UPDATE events SET data = data || ' ' WHERE seq = 3", 3),
    attack("another reason", "UPDATE events SET reason = 'not at all' WHERE seq = 2", 2),
    attack("a reason where there was none", "UPDATE events SET reason = '' WHERE seq = 1", 1),
    attack("no reason where there was one", "UPDATE events SET reason = NULL WHERE seq = 2", 2),
    attack("another actor", "UPDATE events SET actor = 'eve' WHERE seq = 2", 2),
    attack("another time", "UPDATE events SET at = replace(at, '2026', '2025') WHERE seq = 4", 4),
    attack("another kind", "UPDATE events SET kind = 'resumed' WHERE seq = 2", 2),
    attack("another hash", "UPDATE events SET hash = upper(hash) WHERE seq = 6", 6),
    attack("no beginning", "DELETE FROM events WHERE seq = 1", 1),
    attack("one is gone", "DELETE FROM events WHERE seq = 3", 3),
    attack(
        "one is gone, and the rest moved up",
        "DELETE FROM events WHERE seq = 3;
        UPDATE events SET seq = seq + 100 WHERE seq > 3;
        UPDATE events SET seq = seq - 101 WHERE seq > 3",
        3,
    ),
    attack(
        "two have changed places",
        "UPDATE events SET seq = 100 WHERE seq = 2;
        UPDATE events SET seq = 2 WHERE seq = 3;
        UPDATE events SET seq = 3 WHERE seq = 100",
        2,
    ),
    attack(
        "one of another shift",
        "DELETE FROM events WHERE shift = 'www' AND seq = 2;
        UPDATE events SET shift = 'www' WHERE shift = 'api' AND seq = 2",
        2,
    ),
    attack(
        "one more",
        "INSERT INTO events (shift, seq, at, kind, actor, reason, data, hash)
        SELECT shift, 8, at, kind, actor, reason, data, hash FROM events WHERE shift = 'www' AND seq = 7",
        8,
    ),
    attack("a member more", r#"UPDATE events SET data = '{"odd":1}' WHERE seq = 2"#, 2),
    attack("a member less", r#"UPDATE events SET data = replace(data, '"gates":[],', '') WHERE seq = 4"#, 4),
    attack(
        "another spelling of a time",
        "UPDATE events SET at = replace(at, 'Z', '+00:00') WHERE seq = 4",
        4,
    ),
    attack("a text that says nothing", "UPDATE events SET data = '' WHERE seq = 5", 5),
    attack("a kind that is none", "UPDATE events SET kind = 'none' WHERE seq = 5", 5),
    attack(
        "one before the first",
        "INSERT INTO events (shift, seq, at, kind, actor, reason, data, hash)
        SELECT shift, 0, at, kind, actor, reason, data, hash FROM events WHERE shift = 'www' AND seq = 1",
        1,
    ),
    attack("no end", "DELETE FROM events WHERE seq > 5", 6),
    attack("nothing left", "DELETE FROM events WHERE shift = 'www'", 1),
    attack(
        "no end, and a shift that has the number of the newest",
        "DELETE FROM events WHERE seq > 5; UPDATE shifts SET version = 5",
        5,
    ),
    attack("a shift that has another number", "UPDATE shifts SET version = 6", 7),
    attack("a shift that has another hash", "UPDATE shifts SET head = upper(head)", 7),
    attack("no shift", "DELETE FROM shifts WHERE name = 'www'", 7),
    attack("a shift of another name", "UPDATE shifts SET name = 'web' WHERE name = 'www'", 7),
    rechained("another end, as long", "UPDATE events SET reason = 'not at all' WHERE seq = 6", 7),
    rechained("another history, as long", "UPDATE events SET actor = 'eve' WHERE seq = 1", 7),
    rechained(
        "one more, that follows",
        "INSERT INTO events (shift, seq, at, kind, actor, reason, data, hash)
        SELECT shift, 8, at, kind, actor, reason, data, hash FROM events WHERE shift = 'www' AND seq = 7",
        8,
    ),
];

const fn attack(what: &'static str, sql: &'static str, found_at: u64) -> Attack {
    Attack { what, sql, found_at, rechained: false }
}

const fn rechained(what: &'static str, sql: &'static str, found_at: u64) -> Attack {
    Attack { what, sql, found_at, rechained: true }
}

/// Two shifts, `api` and `www`, with seven events each.
pub async fn histories(store: &dyn Store) {
    for name in ["api", "www"] {
        let (born, events) = labelled(name, &[]);
        store.create(&born, &events, None).await.unwrap();
        let (started, events) = commanded(&born, Command::Start, 1);
        store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
        let mut before = Head::of(&started);
        for (shift, events) in first_step(&started) {
            store.commit(&before, &shift, &events, None, None).await.unwrap();
            before = Head::of(&shift);
        }
    }
}

/// Each attack in turn, and what is then found. Afterwards all is as it was.
pub async fn every_attack_is_found(store: &dyn Store, shell: &mut dyn Shell) {
    histories(store).await;
    let before = whole(store).await;
    keep(shell).await;
    for attack in ATTACKS {
        attack.carry_out(store, shell).await;
        let Broken { seq, why } = checked(store).await.unwrap_err();
        assert_eq!(seq, attack.found_at, "{}: event {seq} {why}", attack.what);
        put_back(shell).await;
        assert_eq!(whole(store).await, before, "{}", attack.what);
    }
    let forged = forge(store, shell).await;
    assert_eq!(checked(store).await, Ok(forged.clone()), "nothing in the database tells");
    assert_ne!(forged, before);
}

/// A row that contradicts its history, and one that would have to be built anew from a history that does not fit: their
/// names are listed with all the others.
pub async fn what_cannot_be_read_hides_no_other(store: &dyn Store, shell: &mut dyn Shell) {
    for name in ["api", "blog", "shop", "www"] {
        created(store, shift(name)).await;
    }
    shell.disarm().await;
    shell.run("UPDATE shifts SET version = 7 WHERE name = 'blog'").await;
    shell.run("UPDATE shifts SET snapshot = '{}' WHERE name = 'shop'").await;
    shell.run("UPDATE events SET actor = 'eve' WHERE shift = 'shop'").await;
    let page = async |after: Option<&str>, limit| {
        let after = after.map(str::to_owned);
        let filter = Filter { phase: Some("scheduled".to_owned()), after, limit, ..Filter::default() };
        let listed = store.list(&filter).await.unwrap().into_iter();
        listed.map(told).collect::<Vec<_>>()
    };
    let all = ["api", "blog: shifts, row blog", "shop: events, row shop/1", "www"];
    assert_eq!(page(None, 10).await, all);
    assert_eq!(page(None, 2).await, all[..2]);
    assert_eq!(page(Some("blog"), 2).await, all[2..]);
    assert_eq!(page(Some("shop"), 2).await, all[3..]);
}

/// The name, and what cannot be read of it.
fn told(Listed { name, found }: Listed) -> String {
    match found {
        Ok(stored) => {
            assert_eq!(stored.shift.name, name);
            name
        }
        Err(StoreError::Inconsistent { table, row, .. }) => format!("{name}: {table}, row {row}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

impl Attack {
    pub async fn carry_out(&self, store: &dyn Store, shell: &mut dyn Shell) {
        shell.run(self.sql).await;
        if self.rechained {
            rechain(store, shell).await;
        }
    }
}

/// Disarms the database and remembers what is in it, for [`put_back`].
pub async fn keep(shell: &mut dyn Shell) {
    shell.disarm().await;
    let copies =
        "CREATE TABLE kept_shifts AS SELECT * FROM shifts; CREATE TABLE kept_events AS SELECT * FROM events";
    shell.run(copies).await;
}

pub async fn put_back(shell: &mut dyn Shell) {
    let back = "DELETE FROM events; DELETE FROM shifts;
        INSERT INTO shifts SELECT * FROM kept_shifts; INSERT INTO events SELECT * FROM kept_events";
    shell.run(back).await;
}

/// Another history of `www`, as a program of another format would have written it, in which nothing contradicts itself:
/// every hash fits, and the shift's row and its snapshot name the newest. Where it ends.
pub async fn forge(store: &dyn Store, shell: &mut dyn Shell) -> Head {
    let before = all(store).await.head.unwrap();
    let without =
        r#"UPDATE events SET data = replace(data, '"gates":[],', '') WHERE shift = 'www' AND seq = 4"#;
    shell.run(without).await;
    let forged = rechain(store, shell).await;
    let (Hash(old), Hash(new)) = (&before.hash, &forged.hash);
    let row = format!(
        "UPDATE shifts SET head = '{new}', snapshot = replace(snapshot, '{old}', '{new}') WHERE name = 'www'"
    );
    shell.run(&row).await;
    forged
}

/// Computes the hashes of `www` anew.
async fn rechain(store: &dyn Store, shell: &mut dyn Shell) -> Head {
    let mut head = Head::default();
    for row in all(store).await.rows {
        let version = head.version + 1;
        head = Head { version, hash: row.seal("www", version, &head.hash) };
        let hash = &head.hash.0;
        shell
            .run(&format!("UPDATE events SET hash = '{hash}' WHERE shift = 'www' AND seq = {version}"))
            .await;
    }
    head
}

async fn whole(store: &dyn Store) -> Head {
    checked(store).await.unwrap()
}

async fn checked(store: &dyn Store) -> Result<Head, Broken> {
    let Chain { head, rows } = all(store).await;
    chain::check("www", &rows, head.as_ref())
}

async fn all(store: &dyn Store) -> Chain {
    store.chain("www", i64::MIN, u32::MAX).await.unwrap()
}
