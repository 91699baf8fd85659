//! manifest-tool.
