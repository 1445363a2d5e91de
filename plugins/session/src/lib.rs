//! Schedule: at the open or the close of an exchange.
