# Where the tools that build guests lie: read by toolchains.sh, build.sh and guides/run.sh.
GUESTS=${XDG_CACHE_HOME:-$HOME/.cache}/shelfwise-testbed/guests
RUST=$GUESTS/rust

rust_has_targets() { # whether the machine's own compiler has both, as after `rustup target add`
  local target
  for target in wasm32-wasip1 wasm32-wasip2; do
    compgen -G "$(rustc --print target-libdir --target "$target" 2>/dev/null)/libstd-*" >/dev/null || return 1
  done
}

use_toolchains() { # what toolchains.sh has made goes first, but for a compiler that has the targets anyway
  export PATH=$GUESTS/python/bin:$GUESTS/node/node_modules/.bin:$PATH
  if [ -f "$RUST/.ready" ] && ! rust_has_targets; then export RUSTC=$RUST/bin/rustc; fi
}
