//! `docker manifest`.
