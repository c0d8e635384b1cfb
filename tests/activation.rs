//! A process that puts itself under a profile: what is refused from then on, what goes on, and what keeps it from entering.
//!
//! Each test has a process of its own, for an activation is for good: once as the user who runs the tests and, where that is root, once
//! as somebody without privileges. Each refusal has its control in the same process, before the activation.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

mod activations {
    #[macro_use]
    pub(crate) mod stage;

    mod errors;
    mod files;
    mod forks;
    mod held;
    mod kernel;
    mod layers;
    mod limits;
    mod listening;
    mod narrower;
    mod nested;
    mod others;
    mod programs;
    mod rulesets;
    mod sockets;
    mod threads;
    mod violations;
    mod watcher;
}
