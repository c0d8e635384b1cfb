//! The application makes calls under load, under limits of its own, and from odd places.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

mod applications {
    mod limits;
    mod odd_places;
    mod overload;
    mod renewal;
}
