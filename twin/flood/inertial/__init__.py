"""The local inertial scheme: shallow water without the advection of momentum, on staggered faces."""
