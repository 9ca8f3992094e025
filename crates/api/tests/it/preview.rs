//! What a plan would do.

use crate::world::{World, plan};

#[tokio::test]
async fn a_plan_is_held_against_the_zone() {
    let world = World::new();
    let answer = world.post_plan("/api/v1/preview", &plan("www")).await;
    insta::assert_snapshot!(answer.shown().replace(&world.zone.0, "ZONE"));
    let wrong = plan("www").replace("zone: example.com", "zone: example.org");
    assert_eq!(world.post_plan("/api/v1/preview", &wrong).await.code(), "plan_invalid");
}
