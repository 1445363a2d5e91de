//! stock-scheduler
