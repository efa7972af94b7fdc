#!/usr/bin/env bash
# Time our network against the authors' own PyTorch network on this machine.
set -euo pipefail

usage() {
	cat <<'USAGE'
usage: bench/compare_torch.sh [options]

Times the joint network of this repository and that of KamilDeja/joint_diffusion
in PyTorch: the same sizes, batches and steps, each measure in a process of its
own, ours and theirs in turn, so that a drift of the machine meets both. Prints
one table, ratios last, and writes it with more columns as CSV.

  --checkout DIR    clone of KamilDeja/joint_diffusion (default $JOINT_DIFFUSION,
                    then a clone that this script makes)
  --channels LIST   base channels, multiples of 32          (32,64)
  --batches LIST    images a step                           (64)
  --sizes LIST      pixels a side: 28, 32 or 64             (28)
  --in-channels N   channels of the image                   (1)
  --attention LIST  downsampling factors with attention     (2,4)
  --measures LIST   of train, no-ema, sample, guided, lean  (train,sample,guided)
  --runs N          timed steps of a process                (5)
  --rounds N        processes of each measure and side      (2)
  --raw DIR         folder of the processes' answers; those it holds already are
                    kept, so that a comparison can be cut into pieces (a new folder)
  --csv FILE        where the results go         (results/bench/torch.csv)
  --venv DIR        virtual environment with PyTorch, made where missing
                    (~/.cache/noisebook/torch-venv)

no-ema leaves out PyTorch's moving average and lean its gradients by the weights
in a guided step; both are compared with our whole step.
BENCH_PREFIX is a command to put before each timed process, such as "taskset -c 0,1".
USAGE
}

fail() {
	echo "error: $*" >&2
	exit 1
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/noisebook
repository=https://github.com/KamilDeja/joint_diffusion.git
revision=e5dc30b073df8bc0e4abea3863fd067db68d5f37

checkout=${JOINT_DIFFUSION:-}
channels=32,64 batches=64 sizes=28 in_channels=1 attention=2,4
measures=train,sample,guided runs=5 rounds=2
raw= csv=$root/results/bench/torch.csv venv=$cache/torch-venv

while (($#)); do
	case $1 in
	--help | -h) usage && exit ;;
	--checkout | --channels | --batches | --sizes | --in-channels | --attention | --measures | --runs | --rounds | --raw | --csv | --venv)
		(($# > 1)) || fail "$1 needs a value"
		name=${1#--}
		declare "${name//-/_}=$2"
		shift 2
		;;
	*) fail "unknown option $1; --help lists them" ;;
	esac
done

# The clone.
if [[ -z $checkout ]]; then
	checkout=$cache/joint_diffusion
	if [[ ! -d $checkout ]]; then
		git clone --quiet "$repository" "$checkout.part" ||
			fail "the authors' code cannot be reached; on a machine that can: git clone $repository, then give the folder by --checkout"
		git -C "$checkout.part" checkout --quiet "$revision"
		mv "$checkout.part" "$checkout"
	fi
fi
[[ -f $checkout/guided_diffusion/unet.py ]] ||
	fail "$checkout is no clone of joint_diffusion: git clone $repository, then give the folder by --checkout"

# PyTorch.
requirements=$here/requirements-torch.txt
python=$venv/bin/python
if [[ ! -x $python ]] || ! "$python" -c 'import torch' 2>/dev/null; then
	echo "installing PyTorch into $venv …" >&2
	python3 -m venv "$venv"
	"$python" -m pip install --quiet --no-deps --retries 0 --timeout 20 \
		--index-url https://download.pytorch.org/whl/cpu "$(grep '^torch==' "$requirements")" 2>/dev/null ||
		echo "the wheel for CPUs cannot be reached: taking PyPI's, of several gigabytes" >&2
	"$python" -m pip install --quiet -r "$requirements"
fi

make --silent -C "$root" build
noisebook=$root/bin/noisebook
raw=${raw:-$(mktemp -d)}
mkdir -p "$raw"

# take FILE COMMAND… keeps a command's answer in the folder of answers.
take() {
	local file=$raw/$1
	shift
	[[ -s $file ]] && return
	echo "$(date +%T) $(basename "$file" .json)" >&2
	# shellcheck disable=SC2086 # a command with its arguments
	${BENCH_PREFIX:-} "$@" >"$file.part" 2>"$file.log" || fail "$(tail -n 1 "$file.log") (all of it: $file.log)"
	mv "$file.part" "$file"
}

# ours is the measure of this repository to compare one of PyTorch's with.
ours() {
	case $1 in
	no-ema) echo train ;;
	lean) echo guided ;;
	*) echo "$1" ;;
	esac
}

for size in ${sizes//,/ }; do
	for channel in ${channels//,/ }; do
		for batch in ${batches//,/ }; do
			common=(--channels "$channel" --batch "$batch" --size "$size" --in-channels "$in_channels" --attention "$attention" --runs "$runs")
			for ((round = 1; round <= rounds; round++)); do
				for measure in ${measures//,/ }; do
					name=c$channel-b$batch-s$size-i$in_channels-round$round
					own=$(ours "$measure")
					take "$name-$own-noisebook.json" "$noisebook" bench unet "${common[@]}" --only "$own" --json
					take "$name-$measure-pytorch.json" "$python" "$here/joint_torch.py" --checkout "$checkout" "${common[@]}" --measure "$measure"
				done
			done
		done
	done
done

mkdir -p "$(dirname "$csv")"
commit=$(git -C "$root" describe --always --dirty)
"$noisebook" bench collect "$raw" --csv "$csv" --commit "$commit"
"$noisebook" bench table "$csv"
