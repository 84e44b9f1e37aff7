package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The usual form of a time is read as package time reads it, and no other is.
func TestUsualTimes(t *testing.T) {
	for _, text := range []string{
		"2024-01-02 03:04:05", "2024-02-29 23:59:59.999999", "0001-01-01 00:00:00.1", "9999-12-31 23:59:59+00", "2024-07-01 10:00:00.5+00",
	} {
		got, ok := usual(text)
		require.True(t, ok, text)
		layout := "2006-01-02 15:04:05"
		if text[len(text)-3] == '+' {
			layout += "-07"
		}
		want, err := time.Parse(layout, text)
		require.NoError(t, err)
		require.Equal(t, want.UTC(), got)
	}
	for _, text := range []string{
		"", "2024-01-02", "2023-02-29 00:00:00", "2024-13-01 00:00:00", "2024-01-02 24:00:00", "2024-01-02 03:04:60", "2024-01-02T03:04:05",
		"2024-01-02 03:04:05.", "2024-01-02 03:04:05.1234567", "2024-01-02 03:04:05+02", "12024-01-02 03:04:05", "0044-03-15 00:00:00 BC", "0000-01-01 00:00:00",
	} {
		_, ok := usual(text)
		require.False(t, ok, text)
	}
}
