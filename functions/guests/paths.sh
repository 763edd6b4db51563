# Where the tools that build guests lie: to be read by toolchains.sh and build.sh.
GUESTS=${XDG_CACHE_HOME:-$HOME/.cache}/shelfwise-testbed/guests
RUST=$GUESTS/rust

rust_has_targets() { # whether the machine's own compiler has both, as after `rustup target add`
  local target
  for target in wasm32-wasip1 wasm32-wasip2; do
    compgen -G "$(rustc --print target-libdir --target "$target")/libstd-*" >/dev/null || return 1
  done
}
