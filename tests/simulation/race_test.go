//go:build race

package simulation

// raceDetector: it shuffles what runs when, on purpose, so that a run is no
// function of its seed.
const raceDetector = true

// seedsByDefault is fewer: with the detector a seed takes ten times as long.
const seedsByDefault = 30
