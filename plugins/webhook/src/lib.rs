//! Tells other services what happened: signed HTTP requests as Standard Webhooks has them.
