# Sourced by the experiments beside it: steps that are done once, a record of their commands, and what both need of the data.

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

caller=$PWD
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Paths of the user are relative to where they typed the command.
absolute() { case "$1" in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$caller" "$1" ;; esac; }

# Sets idm_program: $IDM, or the program of this checkout, built first.
find_idm() {
  idm_program=${IDM:-}
  if [ -z "$idm_program" ]; then
    (cd "$repository" && cargo build --quiet --release --locked -p training)
    idm_program=${CARGO_TARGET_DIR:-$repository/target}/release/idm
  else
    idm_program=$(absolute "$idm_program")
  fi
  [ -x "$idm_program" ] || die "there is no program $idm_program"
}

idm() { "$idm_program" "$@"; }

# idm train says with an exit code of 0 that it was interrupted, and so may others that end well: Ctrl-C ends the script.
trap 'echo "interrupted; the same command goes on" >&2; exit 130' INT TERM

# Makes the folder $output the experiment's, and goes there. $1 is experiment.json; an experiment of other settings is refused.
open_experiment() {
  mkdir -p "$output/done"
  cd "$output"
  if [ -e experiment.json ] && [ "$(cat experiment.json)" != "$1" ]; then
    printf 'it has:   %s\nasked for: %s\n' "$(cat experiment.json)" "$1" >&2
    die "$output holds an experiment of other settings: use those, or another OUTPUT"
  fi
  printf '%s\n' "$1" >experiment.json
  : >commands.txt
}

# Notes a command with the user's paths by their names, as $DATA.
note() {
  local word line=""
  for word in "$@"; do
    case "$word" in
      "$data") word='$DATA' ;;
      "${network:-}") word='$NETWORK' ;;
      "${model:-}") word='$MODEL' ;;
      "${quality:-}") word='$QUALITY' ;;
      "${real:-}") word='$REAL' ;;
      "${identity:-}") word='$IDENTITY' ;;
      "${perceptual:-}") word='$PERCEPTUAL' ;;
      *[[:space:]\*\"]*) word="'$word'" ;;
    esac
    line+="${line:+ }$word"
  done
  printf '%s\n' "$line" >>commands.txt
}

# step NAME COMMAND…: notes the command, and runs it unless it was done before.
step() {
  local name=$1; shift
  note "$@"
  [ ! -e "done/$name" ] || return 0
  printf '== %s\n' "$name"
  "$@"
  : >"done/$name"
}

# train_step NAME RUN ARGUMENTS…: as step with idm train, which goes on where it was.
train_step() {
  local name=$1 run=$2; shift 2
  note idm train "$@" --output "$run"
  [ ! -e "done/$name" ] || return 0
  printf '== %s\n' "$name"
  local words=() word
  if [ -e "$run/state.safetensors" ] || [ -e "$run/state.previous.safetensors" ]; then
    # Its weights come from the state.
    while [ $# -gt 0 ]; do
      word=$1; shift
      if [ "$word" = --init ]; then shift; else words+=("$word"); fi
    done
    words+=(--resume)
  else
    words=("$@")
  fi
  idm train "${words[@]}" --output "$run"
  : >"done/$name"
}

# Links $2 of the pictures below $1 (all for 0), evenly taken from their names in order, into sources/: every fourth is held apart.
# Links of other pictures than those of before are refused. Sets training_pictures and held_out.
split_data() {
  local folder=$1 most=$2 file count=0 all=() chosen=() kind
  while IFS= read -r file; do all+=("$file"); done < <(
    find -L "$folder" -mindepth 1 -name '.*' -prune -o -type f \
      \( -iname '*.png' -o -iname '*.jpg' -o -iname '*.jpeg' -o -iname '*.webp' -o -iname '*.tif' -o -iname '*.tiff' -o -iname '*.bmp' \) -print | LC_ALL=C sort)
  local number=${#all[@]}
  [ "$most" -gt 0 ] && [ "$most" -lt "$number" ] || most=$number
  [ "$most" -ge 8 ] || die "there are $number pictures in $folder, too few to train on three quarters and to measure on the others"
  mkdir -p sources/training sources/held-out
  for ((count = 0; count < most; count++)); do
    file=${all[count * number / most]}
    if ((count % 4 == 3)); then kind=held-out; else kind=training; fi
    printf -v link 'sources/%s/%06d.%s' "$kind" "$count" "${file##*.}"
    [ -e "$link" ] || ln -s "$file" "$link"
    [ "$(readlink "$link")" = "$file" ] || die "the pictures in $folder are not those that $output was begun with: use another OUTPUT"
  done
  held_out=$((most / 4))
  training_pictures=$((most - held_out))
}

# A configuration with other values: configure FROM TO KEY=VALUE…, of keys that it has; +KEY=VALUE adds one to [run] where it lacks it.
configure() {
  local from=$1 to=$2 pair key value script=(); shift 2
  for pair in "$@"; do
    key=${pair%%=*} value=${pair#*=}
    if grep -q "^${key#+} = " "$from"; then
      script+=(-e "s|^${key#+} = .*|${key#+} = $value|")
    elif [ "$key" != "${key#+}" ]; then
      script+=(-e "/^\\[run\\]\$/a ${key#+} = $value")
    else
      die "$from has no $key"
    fi
  done
  sed "${script[@]}" "$from" >"$to"
}
