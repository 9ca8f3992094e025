# The daemon, and nothing else: one binary on a distroless base.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN CARGO_PROFILE_RELEASE_LTO=thin cargo build --release --locked

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/crossfade /usr/bin/crossfade
COPY --from=build /src/config/crossfade.toml /etc/crossfade/crossfade.toml
EXPOSE 8080
ENTRYPOINT ["/usr/bin/crossfade"]
CMD ["serve", "--config", "/etc/crossfade/crossfade.toml"]
