// Package country tells the codes of ISO 3166 alpha-2 from mere pairs of
// letters.
package country

import "golang.org/x/text/language"

// Valid says whether code is a country of ISO 3166 alpha-2, in capitals: "ES".
// Codes that the standard leaves to its users ("ZZ") are none.
func Valid(code string) bool {
	r, err := language.ParseRegion(code)
	return err == nil && r.IsCountry() && r.String() == code
}
