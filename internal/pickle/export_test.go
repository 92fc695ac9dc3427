package pickle

// Cost reads a pickle and returns how many values and how much work that took.
func Cost(data []byte) (values, work int, err error) {
	begin := fuelFor(len(data))
	m := machine{data: data, memo: map[uint32]Value{}, work: begin}
	_, err = m.run()
	return int(m.made), int(begin - m.work), err
}

// FuelFor is how much work a pickle of that length may take.
func FuelFor(length int) int { return int(fuelFor(length)) }
