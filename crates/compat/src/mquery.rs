//! mquery.
