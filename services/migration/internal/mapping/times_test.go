package mapping

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A time that a clock shows twice or never is read as PostgreSQL reads it: the right
// column is what it answers to SELECT timestamp '…' AT TIME ZONE '…' AT TIME ZONE 'UTC'.
func TestWhatAClockShowsTwiceOrNever(t *testing.T) {
	for _, c := range []struct{ shown, zone, want string }{
		{"2024-07-01 12:00:00", "Europe/Madrid", "2024-07-01 10:00:00"},
		{"2024-10-27 01:59:59", "Europe/Madrid", "2024-10-26 23:59:59"},
		{"2024-10-27 02:30:00", "Europe/Madrid", "2024-10-27 01:30:00"}, // twice
		{"2024-10-27 03:00:00", "Europe/Madrid", "2024-10-27 02:00:00"},
		{"2024-03-31 02:30:00", "Europe/Madrid", "2024-03-31 01:30:00"}, // never
		{"2024-03-31 03:00:00", "Europe/Madrid", "2024-03-31 01:00:00"},
		{"2024-11-03 00:59:59", "America/New_York", "2024-11-03 04:59:59"},
		{"2024-11-03 01:30:00", "America/New_York", "2024-11-03 06:30:00"}, // twice
		{"2024-11-03 02:00:00", "America/New_York", "2024-11-03 07:00:00"},
		{"2024-03-10 02:30:00", "America/New_York", "2024-03-10 07:30:00"}, // never
		{"2024-04-07 01:45:00", "Australia/Lord_Howe", "2024-04-06 15:15:00"},
		{"2024-12-31 23:30:00", "Pacific/Kiritimati", "2024-12-31 09:30:00"},
		{"2024-02-29 23:30:00", "UTC", "2024-02-29 23:30:00"},
	} {
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		shown, err := time.Parse(time.DateTime, c.shown)
		require.NoError(t, err)
		require.Equal(t, c.want, onTheWall(shown, zone).UTC().Format(time.DateTime), "%s in %s", c.shown, c.zone)
	}
}
