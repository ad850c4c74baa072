//! The home network: whether the pages are open to phones and laptops of the house. Here is the owner's switch; who opens
//! and closes addresses follows it.

use std::net::IpAddr;

use tokio::sync::watch;

use crate::Engine;
use crate::actor::From;
use crate::error::Error;
use crate::user::UserHandle;
use crate::view::Happening;

impl Engine {
    /// Whether the pages are to be open to the home network, now and whenever that changes.
    #[must_use]
    pub fn home_network(&self) -> watch::Receiver<bool> {
        self.shared().home.subscribe()
    }

    /// Whether that is set from outside, so that the switch does nothing (Q11).
    #[must_use]
    pub fn home_network_fixed(&self) -> bool {
        self.shared().config.home_fixed
    }

    /// Addresses of this machine in the home network, the one towards the router first.
    #[must_use]
    pub fn home_addresses(&self) -> Vec<IpAddr> {
        chater_network::home_addresses()
    }

    /// Opens the pages to the home network, or closes them; what is set from outside stays as it is. For the control
    /// socket; who can reach that owns the machine.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn set_home_network(&self, on: bool) -> Result<(), Error> {
        let shared = self.shared();
        if shared.config.home_fixed {
            return Ok(());
        }
        shared
            .inputs
            .run(From::Local, move |turn| {
                turn.durable();
                Ok(chater_store::nodes::put_home_switch(turn.tx, on)?)
            })
            .await?;
        if shared.home.send_replace(on) != on {
            shared.note(Happening::HomeNetwork { on });
        }
        Ok(())
    }
}

impl UserHandle {
    /// Owner only: see [`Engine::set_home_network`].
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn set_home_network(&self, on: bool) -> Result<(), Error> {
        self.owner()?.set_home_network(on).await
    }
}
