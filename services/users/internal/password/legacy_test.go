package password

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"tienda/internal/fault"
)

// Each was made outside of this package: by coreutils' md5sum and its like, by
// the tests of the bcrypt of OpenBSD, and by the reference code of argon2.
var imports = []struct {
	name     string
	legacy   Legacy
	password string
}{
	{"md5", Legacy{Format: "md5", Hash: "5f4dcc3b5aa765d61d8327deb882cf99"}, "password"},
	{"sha1", Legacy{Format: "sha1", Hash: "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"}, "password"},
	{"sha1 in capitals", Legacy{Format: "sha1", Hash: "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"}, "password"},
	{"sha256", Legacy{Format: "sha256", Hash: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}, "password"},
	{"sha256, salt first", Legacy{Format: "sha256", Hash: "13601bda4ea78e55a07b98866d2be6be0744e3866f13c00c811cab608a28f322", Salt: "salt"}, "password"},
	{"sha256, salt last", Legacy{Format: "sha256", Hash: "7a37b85c8918eac19a9089c0fa5a2ab4dce3f90528dcdeec108b23ddf3607b99", Salt: "salt", SaltAfter: true}, "password"},
	{"sha512", Legacy{Format: "sha512", Hash: "b109f3bbbc244eb82441917ed06d618b9008dd09b3befd1b5e07394c706a8bb980b1d7785e5976ec049b46df5f1326af5a2ea6d103fd07c95385ffab0cacbc86"}, "password"},
	{"bcrypt 2a", Legacy{Format: "bcrypt", Hash: "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}, "U*U"},
	{"bcrypt 2b", Legacy{Format: "bcrypt", Hash: "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"}, "U*U*"},
	{"bcrypt 2y", Legacy{Format: "bcrypt", Hash: "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"}, "U*U*U"},
	{"argon2id", Legacy{Format: "argon2id", Hash: reference}, "password"},
}

func TestLegacyHashes(t *testing.T) {
	h := New(Params{MemoryKiB: 64, Passes: 1, Lanes: 1})
	for _, tt := range imports {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.legacy.Check())
			kept, err := h.Wrap(t.Context(), tt.legacy)
			require.NoError(t, err)
			if tt.legacy.Format != "argon2id" {
				_, sum := splitBcrypt(tt.legacy.Hash)
				require.NotContains(t, strings.ToLower(kept), strings.ToLower(tt.legacy.Hash), "the hash itself is not kept")
				require.True(t, sum == "" || !strings.Contains(kept, sum))
				again, err := h.Wrap(t.Context(), tt.legacy)
				require.NoError(t, err)
				require.NotEqual(t, kept, again, "two accounts with one hash show it no more")
			}
			require.True(t, h.Outdated(kept))
			for password, want := range map[string]bool{tt.password: true, tt.password + "x": false, "": false, tt.legacy.Hash: false} {
				ok, err := h.Matches(t.Context(), kept, password)
				require.NoError(t, err)
				require.Equal(t, want, ok, password)
			}
		})
	}
}

// Against the implementation that everybody uses, also where bcrypt cuts.
func TestBcryptAsOthersDo(t *testing.T) {
	for _, password := range []string{"", "x", "contraseña", strings.Repeat("long ", 14) + "72", strings.Repeat("☃", 24)} {
		made, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		require.NoError(t, err)
		p, want, err := parseBcrypt(string(made))
		require.NoError(t, err)
		require.Equal(t, want, p.sum([]byte(password)))
		require.NotEqual(t, want, p.sum([]byte("y"+password)))
		if len(password) == bcryptBytes {
			require.Equal(t, want, p.sum([]byte(password+"beyond")), "what is over 72 bytes counted for nothing")
		}
	}
}

func TestHashesThatAreNotTaken(t *testing.T) {
	good := "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"
	tests := []struct {
		name   string
		legacy Legacy
		field  string
	}{
		{"unknown format", Legacy{Format: "crypt", Hash: "x"}, "/password_hash/format"},
		{"no format", Legacy{}, "/password_hash/format"},
		{"not hexadecimal", Legacy{Format: "md5", Hash: "xyz"}, "/password_hash/hash"},
		{"the length of another", Legacy{Format: "sha256", Hash: "5f4dcc3b5aa765d61d8327deb882cf99"}, "/password_hash/hash"},
		{"empty", Legacy{Format: "sha1"}, "/password_hash/hash"},
		{"bcrypt of a defect", Legacy{Format: "bcrypt", Hash: strings.Replace(good, "2b", "2x", 1)}, "/password_hash/hash"},
		{"bcrypt that is too dear", Legacy{Format: "bcrypt", Hash: strings.Replace(good, "$05", "$13", 1)}, "/password_hash/hash"},
		{"bcrypt of no cost", Legacy{Format: "bcrypt", Hash: strings.Replace(good, "$05", "$-5", 1)}, "/password_hash/hash"},
		{"bcrypt cut short", Legacy{Format: "bcrypt", Hash: good[:59]}, "/password_hash/hash"},
		{"bcrypt with foreign letters", Legacy{Format: "bcrypt", Hash: good[:50] + "!" + good[51:]}, "/password_hash/hash"},
		{"bcrypt with a salt beside it", Legacy{Format: "bcrypt", Hash: good, Salt: "s"}, "/password_hash/salt"},
		{"argon2i", Legacy{Format: "argon2id", Hash: strings.Replace(reference, "argon2id", "argon2i", 1)}, "/password_hash/hash"},
		{"argon2id that is too dear", Legacy{Format: "argon2id", Hash: strings.Replace(reference, "t=2", "t=9", 1)}, "/password_hash/hash"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.legacy.Check()
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, fault.Unprocessable, f.Kind)
			require.Equal(t, tt.field, f.Fields[0].Name)
			_, err = New(OWASP).Wrap(t.Context(), tt.legacy)
			require.Error(t, err)
		})
	}
}

func TestDamagedWrappings(t *testing.T) {
	h := New(Params{MemoryKiB: 64, Passes: 1, Lanes: 1})
	for _, bad := range []string{
		"$wrapped$", "$wrapped$!$argon2id", "$wrapped$e30" + reference,
		"$wrapped$eyJmb3JtYXQiOiJyb3QxMyJ9" + reference, // rot13
	} {
		_, err := h.Matches(t.Context(), bad, "password")
		require.ErrorIs(t, err, errForm, bad)
		require.True(t, h.Outdated(bad))
	}
	// {"format":"bcrypt"} without its setting: a hash that nothing fits.
	ok, err := h.Matches(t.Context(), "$wrapped$eyJmb3JtYXQiOiJiY3J5cHQifQ"+reference, "password")
	require.NoError(t, err)
	require.False(t, ok)
}
