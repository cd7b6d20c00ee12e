//! What another blueprint would change, before it is put in force.

use super::{BlueprintRequest, TAG, checked};
use crate::platform::Platform;
use axum::extract::State as Extract;
use insula_access::PlanBlueprint;
use insula_billing::effects::{self, Effects};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator};

pub(super) fn api() -> Api<Platform> {
    let plan = Endpoint::new(
        Method::Post,
        "/v1/operator/blueprint/plan",
        "planBlueprint",
        TAG,
        "What another blueprint would change, and which organizations gain, lose or pay what",
    )
    .allows_operator::<PlanBlueprint>()
    .body::<BlueprintRequest>()
    .replies::<Effects>(200);
    Api::default().with(plan, plan_blueprint)
}

async fn plan_blueprint(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<PlanBlueprint>,
    Json(request): Json<BlueprintRequest>,
) -> Result<Json<Effects>, Failure> {
    let after = checked(&request.source)?;
    let before = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let mut effects = effects::effects(&mut tx, &proof, &before, &after).await?;
    drop(tx);
    for effect in &mut effects.organizations {
        let live = platform.organizations.get(effect.org);
        effect.slug = live.map(|organization| organization.slug.to_string());
    }
    Ok(Json(effects))
}
