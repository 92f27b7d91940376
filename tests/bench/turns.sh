# SPDX-License-Identifier: PostgreSQL
# turns.sh - commands measured in turns, the best of each in a table.

wall() { # LABEL COMMAND...: no blanks in LABEL, "_" for them
	label=$1
	shift
	a=$(date +%s.%N)
	"$@"
	b=$(date +%s.%N)
	echo "$label $(awk "BEGIN { print $b - $a }")" >>"$T/walls"
}

# What wall() has measured since the last table.
turns() { # TITLE LABEL_OF_THE_UNIT
	echo "| $1 | wall, s | of $2 |" | sed 's/_/ /g'
	echo "|---|---|---|"
	awk -v base="$2" '{ if (!($1 in best)) { order[++n] = $1; best[$1] = $2 }
	    if ($2 < best[$1]) best[$1] = $2 }
	    END { for (i = 1; i <= n; i++) { t = order[i]; v = best[t]
	        gsub("_", " ", t); gsub("[|]", "\\|", t)
	        printf "| %s | %.2f | %.2f |\n", t, v, v / best[base] } }' \
	    "$T/walls"
	rm "$T/walls"
}
