//! `docker buildx imagetools`.
