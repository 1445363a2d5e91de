//! A scheduler of one's own: everything that the standard one has, and a plugin of each sort, from the examples beside this.

#![allow(dead_code, reason = "each example has a `main` of its own")]

#[path = "business_month_end.rs"]
mod business_month_end;
#[path = "chat_listener.rs"]
mod chat_listener;
#[path = "csv_folder.rs"]
mod csv_folder;
#[path = "file_store/main.rs"]
mod file_store;

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| {
        builder
            .fetcher("csv", csv_folder::factory)
            .schedule("business_month_end", business_month_end::Factory)
            .store_factory("journal", file_store::Journals)
            .listener("chat", chat_listener::factory)
    })
}
