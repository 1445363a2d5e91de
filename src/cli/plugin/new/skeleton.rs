//! What is written: the files of each role in each language, put together of templates, and what to do with them first.

use std::path::Path;

macro_rules! template {
    ($($path:expr),+) => {
        include_str!(concat!("../../../../plugins/process/", $($path),+))
    };
}

/// A file of a skeleton: where it goes, and what it says.
///
/// `{{name}}` in both is the plugin's name, `{{role}}` its role, `{{sdk}}` where Cargo finds the host; a line `{{> PART}}` is
/// that part.
type File = (&'static str, &'static str);

/// What several skeletons have in common.
const PARTS: [File; 3] = [
    ("{{> begin.md}}\n", template!("templates/python/begin.md")),
    (
        "{{> over_pipes.py}}\n",
        template!("templates/python/over_pipes.py"),
    ),
    (
        "{{> section.md}}\n",
        template!("templates/python/section.md"),
    ),
];

/// What speaks with the service, beside each plugin in Python.
const HELPER: File = (
    "stock_scheduler_plugin.py",
    template!("python/stock_scheduler_plugin.py"),
);

macro_rules! python {
    ($role:literal) => {
        &[
            (
                "{{name}}.py",
                template!("templates/python/", $role, "/{{name}}.py"),
            ),
            (
                "test_{{name}}.py",
                template!("templates/python/", $role, "/test_{{name}}.py"),
            ),
            (
                "README.md",
                template!("templates/python/", $role, "/README.md"),
            ),
            HELPER,
        ]
    };
}

macro_rules! rust {
    ($role:literal, $($file:literal),+) => {
        &[
            ("Cargo.toml", template!("templates/rust/Cargo.toml.template")),
            ("src/main.rs", template!("templates/rust/main.rs")),
            $(($file, template!("templates/rust/", $role, "/", $file)),)+
            ("src/lib.rs", template!("templates/rust/", $role, "/src/lib.rs")),
            ("README.md", template!("templates/rust/", $role, "/README.md")),
        ]
    };
}

/// The plugin of a role in a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skeleton {
    lang: &'static str,
    role: &'static str,
    files: &'static [File],
    /// What an author does first, after going there.
    steps: &'static [&'static str],
}

const PYTHON_STEPS: &[&str] = &[
    "python3 test_{{name}}.py        # it answers as it should",
    "stock-scheduler plugin check \"python3 {{name}}.py\"",
    "less README.md                 # how to let the service use it",
];

const ALL: [Skeleton; 7] = [
    Skeleton {
        lang: "python",
        role: "fetcher",
        files: python!("fetcher"),
        steps: PYTHON_STEPS,
    },
    Skeleton {
        lang: "python",
        role: "schedule",
        files: python!("schedule"),
        steps: PYTHON_STEPS,
    },
    Skeleton {
        lang: "python",
        role: "listener",
        files: python!("listener"),
        steps: PYTHON_STEPS,
    },
    Skeleton {
        lang: "rust",
        role: "fetcher",
        files: rust!("fetcher", "tests/conformance.rs"),
        steps: &[
            "cargo test                     # it keeps a fetcher's promises",
            "cargo run -- plugin check {{name}} --symbol AAPL --start 2025-06-02 --end 2025-06-13",
            "cargo run -- serve             # a scheduler that has it",
        ],
    },
    Skeleton {
        lang: "rust",
        role: "schedule",
        files: rust!("schedule", "tests/conformance.rs"),
        steps: &[
            "cargo test                     # it keeps a schedule's promises",
            "cargo run -- plugin check {{name}} --spec '{\"time\": \"09:00\", \"days_after\": 1}'",
            "cargo run -- serve             # a scheduler that has it",
        ],
    },
    Skeleton {
        lang: "rust",
        role: "listener",
        files: rust!("listener", "tests/delivery.rs"),
        steps: &[
            "cargo test                     # it tells what it should",
            "less README.md                 # how to let a scheduler tell it",
        ],
    },
    Skeleton {
        lang: "rust",
        role: "store",
        files: rust!("store", "src/store.rs", "tests/conformance.rs"),
        steps: &[
            "cargo test                     # it keeps a store's promises",
            "cargo run -- serve --store {{name}}:",
            "less README.md                 # how to let it outlive a restart",
        ],
    },
];

impl Skeleton {
    /// The plugin of this role in this language, or a sentence that says why there is none.
    pub(super) fn of(lang: &str, role: &str) -> Result<Self, String> {
        let found = ALL.iter().find(|one| (one.lang, one.role) == (lang, role));
        found.copied().ok_or_else(|| {
            format!(
                "cannot write a {role} in Python: every fire waits for its answers, each of them one step that outlives a crash, so that it runs inside the service and is no program of its own; expected --lang rust"
            )
        })
    }

    /// Its files: where each goes, and what it says.
    pub(super) fn filled(self, name: &str, sdk: &str) -> impl Iterator<Item = (String, String)> {
        let fill = move |text: &str| {
            let whole = PARTS.iter().fold(text.to_owned(), |text, (line, part)| {
                text.replace(line, part)
            });
            let named = whole
                .replace("{{name}}", name)
                .replace("{{role}}", self.role);
            named.replace("{{sdk}}", sdk)
        };
        self.files
            .iter()
            .map(move |(path, content)| (fill(path), fill(content)))
    }

    /// What to do first with the plugin in `directory`, as lines for a shell.
    pub(super) fn steps(self, name: &str, directory: &Path) -> impl Iterator<Item = String> {
        let directory = match directory.display().to_string() {
            option if option.starts_with('-') => format!("./{option}"),
            path => path,
        };
        let quoted = shlex::try_quote(&directory).map_or(directory.clone(), |text| text.into());
        let steps = self.steps.iter();
        std::iter::once(format!("cd {quoted}"))
            .chain(steps.map(move |step| step.replace("{{name}}", name)))
    }
}

/// The names of the crates that a skeleton in Rust depends on.
pub(super) fn dependencies() -> impl Iterator<Item = &'static str> {
    let manifest = template!("templates/rust/Cargo.toml.template");
    let (_, after) = manifest.split_once("[dependencies]").unwrap_or_default();
    let lines = after.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
}

/// The modules of Python's standard library, of all versions that the helper file works with.
pub(super) fn standard_library() -> impl Iterator<Item = &'static str> {
    template!("templates/python/standard_library.txt").lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        let blanks = ["{{name}}", "{{role}}", "{{sdk}}", "{{>"];
        for skeleton in ALL {
            for (path, content) in skeleton.filled("mine", "version = \"1\"") {
                let text = path + &content;
                let left = blanks.iter().find(|blank| text.contains(**blank));

                assert_eq!(left, None, "{text}");
            }
        }
    }

    #[test]
    fn the_first_step_goes_where_the_plugin_is() {
        let skeleton = Skeleton::of("python", "fetcher").unwrap();
        for (directory, step) in [
            ("mine", "cd mine"),
            ("/srv/plugins/mine", "cd /srv/plugins/mine"),
            ("my plugins/mine", "cd 'my plugins/mine'"),
            ("-mine", "cd ./-mine"),
        ] {
            let steps: Vec<_> = skeleton.steps("mine", Path::new(directory)).collect();

            assert_eq!(steps[0], step);
            assert_eq!(steps[2], "stock-scheduler plugin check \"python3 mine.py\"");
        }
    }

    #[test]
    fn a_store_in_python_is_refused_with_the_way_out() {
        let refused = Skeleton::of("python", "store").unwrap_err();

        assert!(
            refused.starts_with("cannot write a store in Python")
                && refused.ends_with("expected --lang rust"),
            "{refused}"
        );
    }

    #[test]
    fn the_crates_that_a_skeleton_needs_are_known() {
        let names: Vec<_> = dependencies().collect();

        assert_eq!(names, ["stock-scheduler", "tokio"]);
    }
}
