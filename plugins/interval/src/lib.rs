//! Schedule: every so often, anchored in time.
