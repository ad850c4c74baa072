//! The switch of the home network, on the page of the node (owner only; the engine checks).

use axum::extract::State;

use crate::app::App;
use crate::error::PageResult;
use crate::pages::auth::Empty;
use crate::pages::shell::see_other;
use crate::session::{CheckedForm, Session};

/// Opens the pages to the home network.
pub(crate) async fn on(
    State(app): State<App>,
    session: Session,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    app.house.switch(&session.user, true).await?;
    Ok(see_other("/settings/node?saved=1#home"))
}

/// Closes them.
pub(crate) async fn off(
    State(app): State<App>,
    session: Session,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    app.house.switch(&session.user, false).await?;
    Ok(see_other("/settings/node?saved=1#home"))
}
