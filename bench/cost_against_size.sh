#!/usr/bin/env bash
# Seconds a step against channels, resolution and batch, for ours and PyTorch's network: a CSV and its plots.
#
#   bench/cost_against_size.sh [--runs N] [--rounds N] [--raw DIR] [options of compare_torch.sh]
#
# Channels are multiples of 32, because the authors' group norm has 32 groups. The larger images come in small batches.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
csv=$root/results/bench/size.csv
raw=
options=(--runs 5 --rounds 1)
while (($#)); do
	case $1 in
	--raw) raw=$2 && shift 2 ;;
	*) options+=("$1") && shift ;;
	esac
done
raw=${raw:-$(mktemp -d)}

# channels, batch and size vary one at a time; answers that two lines share are taken once.
for point in "32,64,96 64 28" "32 16,64,128 28" "32 16 28,32,64"; do
	read -r channels batches sizes <<<"$point"
	"$here/compare_torch.sh" "${options[@]}" --channels "$channels" --batches "$batches" --sizes "$sizes" --raw "$raw" --csv "$csv"
done
"$root/bin/noisebook" bench plot "$csv" --out "$root/plots/bench"
