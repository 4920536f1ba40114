"""The boards, in the order in which they are written."""

from boards import agent, dns, grpc, http, kafka, map, opaque, overview, views

ALL = [board.board for board in (overview, http, grpc, kafka, dns, map, opaque, agent, views)]
