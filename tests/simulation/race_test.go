//go:build race

package simulation

// raceDetector: it shuffles what runs when, on purpose, so that a run is no
// function of its seed.
const raceDetector = true
