"""The same search for rings on a Spark cluster: what is global as DataFrames, the rest component by component."""
