//! Fetcher: made-up prices, for trying the scheduler without a network.
