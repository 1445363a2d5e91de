//! The calendars in the binary: the files in the folder `data`.

use std::collections::BTreeMap;

use crate::exchange::Exchange;
use crate::file::{File, Head};

macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../data/", $name, ".cal")))),*]
    };
}

/// Names and texts.
const FILES: [(&str, &str); 41] = files!(
    "24-5"
    "24-7"
    "BVMF"
    "CMES"
    "XAMS"
    "XASX"
    "XBKK"
    "XBOM"
    "XBRU"
    "XCSE"
    "XDUB"
    "XETR"
    "XFRA"
    "XHEL"
    "XHKG"
    "XIDX"
    "XIST"
    "XJSE"
    "XKRX"
    "XLIS"
    "XLON"
    "XMAD"
    "XMEX"
    "XMIL"
    "XNAS"
    "XNSE"
    "XNYS"
    "XNZE"
    "XOSL"
    "XPAR"
    "XSAU"
    "XSES"
    "XSHE"
    "XSHG"
    "XSTO"
    "XSWX"
    "XTAI"
    "XTKS"
    "XTSE"
    "XWAR"
    "XWBO"
);

/// All of them, by code.
pub(crate) fn shipped() -> BTreeMap<String, Exchange> {
    let exchanges = FILES.iter().filter_map(|(name, text)| {
        let file = File::read(name, text).expect("the shipped files are tested");
        let Head::Code(code) = file.head else {
            return None;
        };
        let exchange = Exchange::defined(code, &file).expect("the shipped files are tested");
        Some((code.to_owned(), exchange))
    });
    exchanges.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_in_the_folder_is_shipped_and_right() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/data")).unwrap();
        let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".cal")).collect();
        names.sort();

        let shipped = shipped();

        assert_eq!(names, FILES.map(|(name, _)| format!("{name}.cal")));
        let codes: Vec<_> = shipped.keys().map(|code| code.replace('/', "-")).collect();
        assert_eq!(codes, FILES.map(|(name, _)| name));
        for (code, exchange) in shipped {
            assert_eq!(exchange.first_mistake(), None, "{code}");
        }
    }
}
