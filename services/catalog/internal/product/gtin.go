package product

// validGTIN says whether a barcode is a GTIN of 8, 12, 13 or 14 digits whose
// last is the check digit of GS1: the digits, from the right, weigh 1 and 3 in
// turn, and their sum is a multiple of 10.
func validGTIN(barcode string) bool {
	switch len(barcode) {
	case 8, 12, 13, 14:
	default:
		return false
	}
	sum := 0
	for i := range len(barcode) {
		digit := int(barcode[len(barcode)-1-i]) - '0'
		if digit < 0 || digit > 9 {
			return false
		}
		if i%2 == 1 {
			digit *= 3
		}
		sum += digit
	}
	return sum%10 == 0
}
