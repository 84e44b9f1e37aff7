package mail

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCheckRefusesWhatWouldAddAHeaderOrARecipient(t *testing.T) {
	good := Message{To: "ana@example.com", Subject: "Tu contraseña ha cambiado", Text: "Hola"}
	require.NoError(t, good.Check())
	for _, to := range []string{
		"", "ana", "ana@example.com\r\nBcc: eve@example.com", "ana@example.com\n", "ana@example.com;eve@example.com", "ana@example.com,eve@example.com",
		"Ana <ana@example.com>", `"a;b"@example.com`, " ana@example.com", "ana@example.com\u2028",
	} {
		m := good
		m.To = to
		err := m.Check()
		require.ErrorIs(t, err, errMessage, "%q", to)
		require.NotContains(t, err.Error(), "example.com", "no address in the log")
	}
	for _, subject := range []string{"", "x\r\nBcc: eve@example.com", "x\ny", "x\ry", "x\x00", "x\u2029", "x\u0085"} {
		m := good
		m.Subject = subject
		require.ErrorIs(t, m.Check(), errMessage, "%q", subject)
	}
}

func TestPausesGrow(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	l := Letter{At: now}
	var pauses []string
	for range 10 {
		pauses = append(pauses, fmt.Sprint(l.Failed(now).Sub(now)))
	}
	require.Equal(t, []string{"5s", "10s", "20s", "40s", "1m20s", "2m40s", "5m20s", "10m40s", "15m0s", "15m0s"}, pauses)
	require.Equal(t, 10, l.Tries)
	l.Tries = 1000
	require.Equal(t, 15*time.Minute, l.Failed(now).Sub(now))
	require.False(t, l.Expired(now.Add(24*time.Hour-1)))
	require.True(t, l.Expired(now.Add(24*time.Hour)))
	l.Patience = 30 * time.Minute
	require.True(t, l.Expired(now.Add(30*time.Minute)))
}
