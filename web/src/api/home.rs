//! The home network: whether the pages are open to phones and laptops of the house.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, Body, answer};
use crate::app::App;
use crate::error::ErrorAnswer;
use crate::house::Home;
use crate::session::Bearer;

/// How the home network stands.
#[derive(Serialize, ToSchema)]
pub(super) struct HomeNetwork {
    /// The pages are open to it.
    on: bool,
    /// Set at the start: cannot be changed here.
    fixed: bool,
    /// Where to open them, the best address first.
    urls: Vec<String>,
    /// Addresses that could not be opened, and why.
    faults: Vec<HomeFault>,
}

/// An address that could not be opened.
#[derive(Serialize, ToSchema)]
pub(super) struct HomeFault {
    /// Address and port.
    address: String,
    /// What the system says.
    why: String,
}

/// The switch.
#[derive(Deserialize, ToSchema)]
pub(super) struct HomeSwitch {
    /// Open the pages to the home network.
    on: bool,
}

fn shape(home: Home) -> HomeNetwork {
    HomeNetwork {
        on: home.on,
        fixed: home.fixed,
        urls: home.urls,
        faults: home
            .faults
            .into_iter()
            .map(|fault| HomeFault {
                address: fault.address.to_string(),
                why: fault.why,
            })
            .collect(),
    }
}

/// Whether the pages are open to the home network, and where; the owner's right.
#[utoipa::path(get, path = "/api/v1/node/home", tag = "node",
    responses((status = 200, body = HomeNetwork), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn read(State(app): State<App>, bearer: Bearer) -> Answer {
    // Asked first: whoever does not own the node learns nothing.
    bearer.user.node_settings()?;
    answer(StatusCode::OK, &shape(app.house.now()))
}

/// Opens the pages to the home network or closes them, at once; the owner's right. What is set at the start stays.
#[utoipa::path(put, path = "/api/v1/node/home", tag = "node", request_body = HomeSwitch,
    responses((status = 200, body = HomeNetwork), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(super) async fn switch(
    State(app): State<App>,
    bearer: Bearer,
    Body(body): Body<HomeSwitch>,
) -> Answer {
    let home = app.house.switch(&bearer.user, body.on).await?;
    answer(StatusCode::OK, &shape(home))
}
