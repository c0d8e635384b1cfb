//! Other programs run under a profile through `Profile::command`: what they can do, how they end, and what is left of them.

#[path = "support"]
mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

mod programs {
    pub(crate) mod tools;

    mod bombs;
    mod commands;
    mod endings;
    mod faults;
    mod inheritance;
    mod limits;
    mod refusals;
    mod remains;
    mod shells;
    mod starting;
    mod strangers;
    mod streams;
    mod users;
}
