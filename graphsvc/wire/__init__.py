"""What crosses the wire, declared once, in structs: what answers hold, and what signed acts say.

The service makes these structs, the GraphQL schema is made from them, plans project them, and the client selects,
decodes and signs by them. Nothing here knows how an answer is found or an act carried out.
"""
