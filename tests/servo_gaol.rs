//! What servo/gaol's own tests checked, what it got wrong, and how it was used: here, for profiles made by hand and for the attribute.
//!
//! `docs/from-servo-gaol.md` leads through it.

#[path = "support"]
mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

mod servo_gaol {
    mod activated;
    mod acts;
    mod behaviours;
    mod calls;
    mod lists;
    mod page;
    mod path_faults;
    mod process_faults;
    mod profile_faults;
    mod profiles;
    mod table;
    mod uses;
    mod ways;
}
