//! `plugin check` for what is no program, and for what the configuration says of one.

use crate::plugins::{Folder, cli, fetcher};
use crate::support::Receiver;

#[tokio::test]
async fn a_listener_of_this_program_is_checked_by_its_name() {
    let (folder, receiver) = (Folder::new(), Receiver::start().await);
    let section = format!(
        "[plugins.listener.hook]\nkind = \"webhook\"\nurl = \"{}\"\nallow_private = true\n\
         secret = \"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"\n",
        receiver.url()
    );
    folder.write("scheduler.toml", &section);
    let check = ["plugin", "check", "hook", "--config", "scheduler.toml"];

    let (kept, said) = cli(&folder, &check).await;

    assert!(kept, "{said}");
    let told = receiver.requests();
    assert_eq!((told.len(), told[0].id()), (2, told[1].id()));
    receiver.answers_status(500);
    let (kept, said) = cli(&folder, &check).await;
    assert!(
        !kept && said.contains("BROKEN") && said.contains("500"),
        "{said}"
    );
}

#[tokio::test]
async fn what_the_command_line_configures_takes_the_place_of_what_the_file_does() {
    let folder = Folder::new();
    let named = "Plugin(\"mine\", \"1.2.3\", config_schema={\"type\": \"object\", \"properties\": \
                 {\"level\": {\"type\": \"integer\"}}})";
    let text = fetcher(7).replace("Plugin(\"mine\", \"1.2.3\")", named);
    folder.write("mine.py", &text);
    let section = folder.section("fetcher", "mine", "mine.py");
    folder.write(
        "scheduler.toml",
        &(section + "config = {level = \"high\"}\n"),
    );
    let check = ["plugin", "check", "mine", "--config", "scheduler.toml"];

    let (kept, said) = cli(&folder, &check).await;
    assert!(!kept && said.contains("config.level"), "{said}");
    let right = [&check[..], &["--with-config", "{\"level\": 1}"]].concat();
    let (kept, said) = cli(&folder, &right).await;

    assert!(kept, "{said}");
}

#[tokio::test]
async fn what_the_command_line_asks_is_laid_over_the_example() {
    let folder = Folder::new();
    let text = fetcher(7).replace(
        "    bars = [",
        "    open('asked', 'a').write(f'{request.options}\\n')\n    bars = [",
    );
    folder.write("mine.py", &text);
    let check = ["plugin", "check", "python3 mine.py", "--options"];

    let (kept, said) = cli(&folder, &[&check[..], &["{\"feed\": \"iex\"}"]].concat()).await;

    assert!(kept, "{said}");
    let asked = std::fs::read_to_string(folder.path("asked")).unwrap();
    assert!(asked.contains("iex"), "{asked}");
    for wrong in ["--options=[]", "--spec={}"] {
        let (kept, said) = cli(&folder, &["plugin", "check", "python3 mine.py", wrong]).await;
        assert!(!kept && !said.contains("BROKEN"), "{said}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_neither_kept_nor_broken() {
    let folder = Folder::new();

    let (kept, said) = cli(&folder, &["plugin", "check", "daily"]).await;
    assert!(!kept && said.contains("give --spec"), "{said}");
    assert!(!said.contains("BROKEN"), "{said}");
    let spec = ["--spec", "{\"time\": \"17:00\"}"];
    let (kept, said) = cli(
        &folder,
        &[&["plugin", "check", "daily"], &spec[..]].concat(),
    )
    .await;

    assert!(kept, "{said}");
}
