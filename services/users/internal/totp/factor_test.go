package totp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// The secret and the codes of RFC 6238, appendix B, cut to 6 digits.
const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestCodesOfTheRFC(t *testing.T) {
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		now := time.Unix(at, 0)
		for shift, want := range map[time.Duration]bool{-2 * Period: false, -Period: true, 0: true, Period: true, 2 * Period: false} {
			if now.Add(shift).Unix() < 0 {
				continue
			}
			f := Factor{On: true, Secret: []byte("x")}
			err := f.use(secret, Proof{Code: code}, now.Add(shift))
			require.Equal(t, want, err == nil, "%s at %v %+v", code, now, shift)
			if want {
				require.Equal(t, at/30, f.LastStep)
				require.Error(t, f.use(secret, Proof{Code: code}, now.Add(shift)), "a code is good once")
			} else {
				require.Zero(t, f.LastStep)
			}
		}
		for _, bad := range []string{"", "12345", "1234567", code + "0", " " + code[1:], "abcdef"} {
			f := Factor{On: true}
			require.Error(t, f.use(secret, Proof{Code: bad}, now), bad)
		}
	}
}

func TestRecoveryCodes(t *testing.T) {
	f := Factor{On: true}
	codes := f.renew()
	require.Len(t, codes, RecoveryCodes)
	seen := map[string]bool{}
	for _, c := range codes {
		require.Regexp(t, `^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){5}$`, c)
		require.False(t, seen[c])
		seen[c] = true
		for _, h := range f.Recovery {
			require.NotContains(t, string(h), strings.ReplaceAll(c, "-", ""))
		}
	}
	now := time.Unix(1111111109, 0)
	typed := strings.NewReplacer("-", " ", "0", "o", "1", "l").Replace(strings.ToLower(codes[4]))
	require.NoError(t, f.use(secret, Proof{Recovery: typed}, now))
	err := f.use(secret, Proof{Recovery: codes[4]}, now)
	require.Equal(t, fault.Unprocessable, fault.KindOf(err))
	require.ErrorContains(t, err, "/recovery_code")
	require.Len(t, f.Recovery, RecoveryCodes-1)
	require.NoError(t, f.use(secret, Proof{Recovery: codes[0]}, now))
	f.renew()
	require.Error(t, f.use(secret, Proof{Recovery: codes[1]}, now))
	require.Error(t, f.use(secret, Proof{}, now))
}

func TestStates(t *testing.T) {
	now := time.Unix(1111111109, 0)
	var f Factor
	require.ErrorIs(t, f.use(secret, Proof{Code: "081804"}, now), ErrOff)
	_, err := f.confirm(secret, "081804", now)
	require.ErrorIs(t, err, ErrNotStarted)
	require.NoError(t, f.start([]byte("sealed"), now.Add(-StartLimit-time.Second)))
	_, err = f.confirm(secret, "081804", now)
	require.ErrorIs(t, err, ErrNotStarted, "it has waited too long")
	require.NoError(t, f.start([]byte("sealed"), now))
	require.ErrorIs(t, f.use(secret, Proof{Code: "081804"}, now), ErrOff, "not confirmed")
	_, err = f.confirm(secret, "000000", now)
	require.ErrorContains(t, err, "/totp")
	codes, err := f.confirm(secret, "081804", now)
	require.NoError(t, err)
	require.Len(t, codes, RecoveryCodes)
	require.ErrorIs(t, f.start([]byte("other"), now), ErrOn)
	require.Error(t, f.use(secret, Proof{Code: "081804"}, now), "the code that confirmed it is used")
}
