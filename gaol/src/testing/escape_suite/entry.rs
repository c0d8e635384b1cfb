//! The function that workers run for the suite, an entry of gaol's own: it makes one attack.

use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use super::acts::{Act, Seen, perform};
use super::place::Place;
use crate::call::prepared_under;
use crate::descriptor::Fd;
use crate::error::Error;
use crate::function::entry::{Entry, Reply, Request, serve_too};
use crate::function::transfer::{CodecError, ErrorType, serve};
use crate::profile::Profile;
use crate::support::Layers;

static ENTRY: Entry = Entry::new(
    concat!(module_path!(), "::attack"),
    file!(),
    line!(),
    column!(),
    "fn(Task) -> gaol::Result<Seen>",
    Profile::NOTHING,
    &[],
    serve_attack,
)
.own();

/// Has the workers of this process, which is to be a zygote, serve the suite.
pub(crate) fn register() {
    serve_too(&ENTRY);
}

/// The attack, and what it needs.
#[derive(Serialize, Deserialize)]
struct Task {
    act: Act,
    place: Place,
    terminal: Option<Fd<OwnedFd>>,
}

/// The child's side.
fn serve_attack(request: Request<'_>) -> Reply {
    serve::<Task, crate::Result<Seen>>(
        request,
        |reader| reader.value(),
        |task| Ok(perform(task.act, &task.place, task.terminal.as_deref())),
        |seen, _, writer| writer.value(seen),
        (&ErrorType::<Error>::NEW).codec(),
    )
}

/// Makes the attack in a fresh worker under `profile`, inside `layers`.
pub(super) fn attack(
    profile: &Profile,
    layers: Layers,
    act: Act,
    place: &Place,
    terminal: Option<OwnedFd>,
) -> crate::Result<Seen> {
    let task = Task { act, place: place.clone(), terminal: terminal.map(Fd::new) };
    prepared_under(&ENTRY, profile.clone(), layers, |writer| writer.value(&task))
        .call::<crate::Result<Seen>>(|reader| reader.value(), (&ErrorType::<Error>::NEW).codec())
}
