//! What a Dockerfile may expect of the stand-in for python:3.11-slim, whoever made it.

use std::path::Path;

use harness::supply::Supply;

use super::builds::Builder;

/// Every line is an expectation; the first one stands before Python ran, and left bytecode behind.
const CONTRACT: &str = r#"
FROM python:3.11-slim
RUN ! find / -xdev \( -name '*.pyc' -o -name __pycache__ -o -name EXTERNALLY-MANAGED \) | grep .
RUN ! find /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale -type f ! -name copyright | grep .
RUN ! find /var/log /var/cache /var/lib/apt/lists -type f ! -path '/var/cache/debconf/*' | grep .
RUN for p in perl gcc libc6-dev libexpat1-dev python3 python3-minimal; do ! dpkg-query -s $p 2>/dev/null || exit 1; done
RUN for p in python python3 pip pip3; do [ "$(command -v $p)" = /usr/local/bin/$p ] || exit 1; done
RUN python --version | grep '^Python 3\.11\.' && python3 -c 'import sys; assert sys.prefix == "/usr/local", sys.prefix'
RUN [ "$LANG" = C.UTF-8 ] && [ "$PATH" = /usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ]
RUN python -c 'import bz2, ctypes, curses, dbm.ndbm, distutils.core, ensurepip, lib2to3, lzma, readline, sqlite3, ssl, uuid, venv, zlib'
RUN python -c 'import sysconfig as s; p = s.get_paths(); assert p["purelib"] == p["platlib"] == "/usr/local/lib/python3.11/site-packages", p; assert p["scripts"] == "/usr/local/bin", p'
RUN test -f "$(python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"
RUN test -f "$(python -c 'import sysconfig; print(sysconfig.get_config_var("INCLUDEPY"))')/pyconfig.h"
RUN python -c 'import ctypes; ctypes.CDLL("libpython3.11.so.1.0")' && test -s /etc/ssl/certs/ca-certificates.crt
RUN python -m venv /opt/venv && /opt/venv/bin/pip --version | grep /opt/venv/lib/python3.11/site-packages
RUN pip list --format=freeze | cut -d= -f1 | tr '\n' ' ' | grep -x 'pip setuptools wheel '
RUN test ! -e /etc/apt/apt.conf.d/99mmdebstrap && apt-config dump | grep 'Acquire::GzipIndexes "true"'
RUN [ "$(find /etc/apt -name '*.sources' -o -name '*.list' | tr '\n' ' ')" = "/etc/apt/sources.list.d/debian.sources " ]
"#;

pub(super) async fn keeps_its_contract(builder: &Builder<'_>, supply: &Supply, machine_paths: &[&Path]) {
    builder.build(CONTRACT).await;

    // No path of the machine that made it is in any of its texts.
    for path in machine_paths {
        let path = path.display();
        let searched = format!("FROM python:3.11-slim\nRUN ! grep -rIlF '{path}' /etc /usr /var /root\n");
        builder.build(&searched).await;
    }

    let info = &supply.base_infos()[0];
    assert_eq!((info.reference.as_str(), info.kind.as_str()), ("python:3.11-slim", "local"));
    assert!(info.digest.starts_with("sha256:") && info.made_of.contains("Debian 12"));
    let image = builder.engine.docker().inspect_image("localhost:1/python:3.11-slim").await.unwrap();
    assert_eq!(image.config.unwrap().cmd.unwrap(), ["python3"]);
    assert_eq!(supply.base_diff_ids("python:3.11-slim").unwrap(), image.root_fs.unwrap().layers.unwrap());
}
