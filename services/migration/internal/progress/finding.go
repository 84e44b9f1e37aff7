package progress

// severity is the order of the levels.
var severity = map[Level]int{OK: 0, Warning: 1, Blocked: 2}

// Worst gives the worst level of findings; OK where there are none.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		if severity[f.Level] > severity[worst] {
			worst = f.Level
		}
	}
	return worst
}
