#!/usr/bin/env bash
# Puts what builds the guests into ~/.cache/shelfwise-testbed/guests, on a Debian 12 machine that has Rust, Go, Python and Node and
# reaches package registries only. Does again only what is missing. `build.sh` finds it there.
#
#   toolchains.sh [rust] [c] [python] [javascript]     all of them if none is named
#
# If you have rustup and it reaches its server, `rustup target add wasm32-wasip1 wasm32-wasip2` is all that Rust needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source ./paths.sh
mkdir -p "$GUESTS"

rust() { # a sysroot beside the compiler's own: its files, the libc of a newer Debian, and the standard library compiled for both targets
  local version=$1 own packages target
  own=$(rustc --print sysroot)
  packages=$GUESTS/rust-packages
  debian_packages "$version" "$packages"
  rm -rf "$RUST.new"
  mkdir -p "$RUST.new"/{bin,lib/rustlib/src/rust}
  ln -s "$own"/lib/*.so "$RUST.new/lib/"
  ln -s "$own"/lib/rustlib/*-linux-* "$RUST.new/lib/rustlib/"
  cp -aL "$(dirname "$(find "$packages" -path '*/library/Cargo.lock' | head -1)")" "$RUST.new/lib/rustlib/src/rust/library"
  printf '#!/bin/sh\nexec "%s/bin/rustc" --sysroot "%s" "$@"\n' "$own" "$RUST" >"$RUST.new/bin/rustc"
  chmod +x "$RUST.new/bin/rustc"
  for target in wasm32-wasip1 wasm32-wasip2; do
    mkdir -p "$RUST.new/lib/rustlib/$target/lib/self-contained"
    # Debian calls preview 1 by its older name.
    cp "$packages/root/usr/lib/${target/wasip1/wasi}"/{crt1-command.o,crt1-reactor.o,libc.a} \
      "$RUST.new/lib/rustlib/$target/lib/self-contained/"
  done
  rm -rf "$RUST"
  mv "$RUST.new" "$RUST"
  standard_library
  rm -rf "$packages"
  touch "$RUST/.ready"
}
debian_packages() { # VERSION DIR: rust-src of that version and wasi-libc, unpacked; the machine's own package lists stay as they are
  local version=$1 dir=$2 mirror source
  rm -rf "$dir"
  mkdir -p "$dir"/{lists/partial,cache/archives/partial,parts,debs,root}
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -1)
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$mirror" trixie "$mirror" trixie-backports >"$dir/sources.list"
  local apt=(-q -o "Dir::Etc::SourceList=$dir/sources.list" -o "Dir::Etc::SourceParts=$dir/parts" -o "Dir::State::Lists=$dir/lists"
    -o "Dir::Cache=$dir/cache" -o Dir::Etc::Preferences=/dev/null -o "Dir::Etc::PreferencesParts=$dir/parts" -o APT::Sandbox::User=root
    -o Acquire::Languages=none)
  apt-get "${apt[@]}" update
  source=$(apt-cache "${apt[@]}" madison rust-src | awk '{print $3}' | grep "^$version" | head -1)
  if [ -z "$source" ]; then
    echo "Debian has no rust-src $version, which this machine's rustc needs" >&2
    return 1
  fi
  (cd "$dir/debs" && apt-get "${apt[@]}" download "rust-src=$source" wasi-libc)
  for package in "$dir"/debs/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
}
standard_library() { # with bitcode, so that guests are optimised as a whole
  local work=$GUESTS/rust-std target
  rm -rf "$work"
  mkdir -p "$work/src"
  printf '[package]\nname = "only_std"\nversion = "0.0.0"\nedition = "2024"\n' >"$work/Cargo.toml"
  echo 'fn main() {}' >"$work/src/main.rs"
  (cd "$work" && RUSTC="$RUST/bin/rustc" RUSTC_BOOTSTRAP=1 RUSTFLAGS='-C embed-bitcode=yes' CARGO_TARGET_DIR="$work/target" \
    cargo build --quiet --release --target wasm32-wasip1 --target wasm32-wasip2 -Z build-std=std,panic_abort)
  for target in wasm32-wasip1 wasm32-wasip2; do
    cp "$work/target/$target/release/deps/"*.rlib "$RUST/lib/rustlib/$target/lib/"
    rm -f "$RUST/lib/rustlib/$target/lib/"libonly_std*
  done
  rm -rf "$work"
}
python_packages() { # NAME==VERSION...
  [ -x "$GUESTS/python/bin/python3" ] || python3 -m venv "$GUESTS/python"
  "$GUESTS/python/bin/python3" -m pip install --quiet --disable-pip-version-check "$@"
}

[ $# -gt 0 ] || set -- rust c python javascript
for toolchain; do
  start=$SECONDS
  case $toolchain in
    rust) rust_has_targets || [ -f "$RUST/.ready" ] || rust "$(rustc --version | cut -d' ' -f2)" ;;
    c) python_packages ziglang==0.17.1 ;;
    python) python_packages componentize-py==0.25.1 ;;
    javascript) npm install --silent --no-audit --no-fund --prefix "$GUESTS/node" componentize-qjs@0.4.5 ;;
    *) sed -n '2,8p' "$0" >&2 && exit 64 ;;
  esac
  echo "$toolchain is ready, after $((SECONDS - start)) s"
done
