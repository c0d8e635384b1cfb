//! Which step of entering the layers a process is at, told to whoever wants to know: for a step that ends the process, which then cannot say so.

use std::sync::{Mutex, PoisonError};

use crate::error::signal_name;
use crate::support::Layer;
use crate::sys::own_refusal;
use crate::sys::plan::{Reason, Refusal};

/// Tells of a step before it is taken.
pub(crate) type Tell = Box<dyn Fn(Layer, &'static str) + Send>;

static TELL: Mutex<Option<Tell>> = Mutex::new(None);

/// Tells of each step from now on, until it is told [`None`].
pub(crate) fn tell(tell: Option<Tell>) {
    *TELL.lock().unwrap_or_else(PoisonError::into_inner) = tell;
}

/// The next step is this one, of this layer.
pub(crate) fn at(layer: Layer, step: &'static str) {
    if let Some(tell) = &*TELL.lock().unwrap_or_else(PoisonError::into_inner) {
        tell(layer, step);
    }
}

/// The refusal of a step at which a filter ended the process.
pub(crate) fn lethal(layer: Layer, step: &str, signal: i32) -> Refusal {
    let step = format!("{step}: the process was killed by {}", signal_name(signal));
    own_refusal(layer, &step, String::new(), Reason::Lethal)
}
