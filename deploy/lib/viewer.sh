# shellcheck shell=bash
# The viewer of boards, which stands in where no image of Grafana can be had.

PAGE=$ROOT/dashboards/viewer/dist

# The part `viewer` belongs to the stack exactly where Grafana does not run.
choose_viewer() {
  STACKS=" $STACKS "
  STACKS=${STACKS// viewer / }
  STACKS=${STACKS# } STACKS=${STACKS% }
  if ! has_part metrics || ! left_out grafana; then return 0; fi
  DASHBOARD_VIEWER_BUILD=''
  make_viewer
  [ -z "$DASHBOARD_VIEWER_BUILD" ] || STACKS+=" viewer"
}

# Its image. The rest of the stack works without, so what is missing for it is told and no more.
make_viewer() {
  if [ -n "${SKIP_BUILD:-}" ] && [ ! -x "$BINARIES/dashboard-viewer" ]; then
    say "    viewer is left out: SKIP_BUILD is set, and $BINARIES lacks dashboard-viewer"
  elif ! (install_missing "the page of boards" node:nodejs npm:npm); then
    say "    viewer is left out: its page cannot be built without node and npm"
  elif ! progress "page of boards" "$CACHE/viewer.log" bash "$ROOT/dashboards/viewer/build.sh" "$PAGE"; then
    say "    viewer is left out: its page cannot be built (log: $CACHE/viewer.log)"
  else
    AGENTS=dashboard-viewer DOCKERFILE=$DEPLOY/viewer/Dockerfile STAGE_MORE=stage_page build_images
  fi
}

stage_page() { # FOLDER
  mkdir -p "$1/boards"
  cp -R "$PAGE" "$1/page"
  cp "$ROOT"/dashboards/*.json "$1/boards"
  ! has_part github || cp "$ROOT/dashboards/optional/github.json" "$1/boards"
}
