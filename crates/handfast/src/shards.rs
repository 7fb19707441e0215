//! Several stacks that are one host: one for each queue of a device, nothing shared (ADR 0031).

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use handfast_device::{Device, SoftwareOffload};
use handfast_packet::ip::Cidr;
use handfast_packet::steer::{Share, Steering};
use handfast_stack::Config;

use crate::clock::Clock;
use crate::driver::Driver;
use crate::host::{Host, Shared, configure};
use crate::strays::Strays;

/// Makes one host of several stacks, one for each of `queues`, in their order: for each a [`Host`]
/// and its [`Driver`], which are to go to a thread or a runtime of their own
/// (`tokio::Net::drive`, `blocking::Net::drive`).
///
/// A connection lives on the shard that `steering` names for it. Each shard connects from ports that
/// are its own, and accepts what comes to it: a server listens, with the same words, on every shard.
/// Addresses, claims, routes and releases given to any of them are for all. A seed of 0 becomes a
/// random one, the same for all, and the hardware address is that of the first queue.
///
/// They end together: who shuts one down does so to all, and each goes on reading its queue until the
/// others are done.
///
/// # Errors
/// `InvalidInput` when there is not one queue for each shard of `steering`; when the system gives
/// no random seed.
pub fn shards<D: Device>(
    queues: Vec<D>,
    steering: Steering,
    config: Config,
    clock: &Clock,
) -> io::Result<Vec<(Host, Driver<SoftwareOffload<D>>)>> {
    let queues: Vec<_> = queues.into_iter().map(SoftwareOffload::new).collect();
    let Some(first) = queues.first() else {
        return Err(uneven(0, steering));
    };
    if queues.len() != usize::from(steering.shards()) {
        return Err(uneven(queues.len(), steering));
    }
    let config = configure(config, first)?;
    let medium = first.capabilities().medium;
    let shared: Vec<_> = (0..)
        .zip(&queues)
        .map(|(index, queue)| {
            let config = Config {
                share: Some(Share::new(steering, index)),
                ..config.clone()
            };
            Arc::new(Shared::new(config, queue.capabilities(), clock.clone()))
        })
        .collect();
    let family = Arc::new(Family {
        shards: shared.clone(),
        claims: Mutex::default(),
    });
    let strays = Strays::between(&shared, steering, medium);
    Ok(shared
        .into_iter()
        .zip(queues)
        .zip(strays)
        .map(|((shared, queue), strays)| {
            let host = Host::of(shared, Some(Arc::clone(&family)));
            let driver = Driver::with_strays(&host, queue, strays);
            (host, driver)
        })
        .collect())
}

/// The shards of one host, and what their stacks are told together.
pub(crate) struct Family {
    /// In the order of their numbers: the first speaks for the host.
    pub(crate) shards: Vec<Arc<Shared>>,
    /// What the first claims for all; at most [`crate::CLAIMS_MAX`].
    claims: Mutex<Vec<Cidr>>,
}

impl Family {
    /// The first has begun to claim an address.
    pub(crate) fn begin_claim(&self, address: Cidr) {
        self.take_claim(address.address);
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.push(address);
    }

    /// The claim of an address is decided, or nobody waits for it any more.
    pub(crate) fn take_claim(&self, address: IpAddr) -> Option<Cidr> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let at = claims.iter().position(|claim| claim.address == address)?;
        Some(claims.swap_remove(at))
    }
}

fn uneven(queues: usize, steering: Steering) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "{queues} queues cannot be shared out among {} shards; open one queue for each",
            steering.shards()
        ),
    )
}
